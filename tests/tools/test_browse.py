import html.parser
import json

import cv2
import numpy as np
import pytest
from tiny_ovis import write_tiny_ovis

from ovis_jax.data.movie_files import read_movie
from ovis_jax.tools.browse import main
from ovis_jax.visualization.colors import LEVEL_COLORS
from ovis_jax.visualization.timeline import Moment, spans

LEVELS = ("no_occlusion", "slight_occlusion", "severe_occlusion")


@pytest.fixture
def tiny(tmp_path):
    """Annotation file and folder of frames; objects have the levels in turn."""
    data = write_tiny_ovis(tmp_path)
    path = tmp_path / "annotations.json"
    document = json.loads(path.read_text())
    for annotation in document["annotations"]:
        masks = annotation["segmentations"]
        annotation["occlusion"] = [m and LEVELS[frame % 3] for frame, m in enumerate(masks)]
    path.write_text(json.dumps(document))
    return path, data.train_images


def run(tiny, output, *options):
    files = ["--annotations", tiny[0], "--images", tiny[1], "--output", output]
    return main([*map(str, files), *map(str, options)])


class Page(html.parser.HTMLParser):
    """Checks that tags are closed, and collects the attributes of each kind."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes = [], {}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.attributes.setdefault(tag, []).append(dict(attrs))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.setdefault(tag, []).append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_chosen_videos_get_a_movie_a_sheet_and_a_timeline(tiny, tmp_path, capsys):
    output = tmp_path / "out"
    assert run(tiny, output, "--videos", 3, 1) == 0
    assert capsys.readouterr().out.strip() == str(output / "index.html")
    names = [f"video_{number}.{kind}" for number in (1, 3) for kind in ("mp4", "png")]
    assert sorted(path.name for path in output.iterdir()) == ["index.html", *names]
    assert len(list(read_movie(output / "video_3.mp4"))) == 6
    page = Page((output / "index.html").read_text())
    assert [video["src"] for video in page.attributes["video"]] == ["video_3.mp4", "video_1.mp4"]
    assert "http" not in (output / "index.html").read_text()


def test_bars_have_the_colours_of_the_levels_and_gaps_where_the_object_is_absent(tiny, tmp_path):
    run(tiny, tmp_path / "out", "--videos", 1)
    page = Page((tmp_path / "out/index.html").read_text())
    bars = {}
    for bar in page.attributes["rect"]:
        bars.setdefault(bar["y"], {})[int(bar["x"])] = (bar["width"], bar["fill"])
    red, green = (bars[y] for y in sorted(bars, key=int))
    colors = ["#%02x%02x%02x" % LEVEL_COLORS[level] for level in LEVELS]  # noqa: UP031
    assert red == {frame: ("1", colors[frame % 3]) for frame in range(5)}
    assert green == {frame: ("1", colors[frame % 3]) for frame in (0, 2, 3, 4)}


def test_levels_are_drawn_beside_identities_on_grey(tiny, tmp_path):
    run(tiny, tmp_path / "out", "--videos", 1)
    sheet = cv2.imread(str(tmp_path / "out/video_1.png"))[..., ::-1].astype(int)
    half = sheet.shape[1] // 2 + 2
    y, x = 22 + 8 * 8, 8 * 8  # inside the red object of the first frame
    tinted = 0.45 * np.array(LEVEL_COLORS["no_occlusion"])
    assert np.ptp((sheet[y, half + x] - tinted) / 0.55) < 4
    assert np.ptp(sheet[y, x]) > 50
    assert np.ptp(sheet[y + 8 * 25, half + 8 * 4]) < 3


def test_results_are_drawn_beside_the_ground_truth(tiny, tmp_path):
    document = json.loads(tiny[0].read_text())
    masks = document["annotations"][0]["segmentations"]
    result = dict(video_id=1, category_id=7, segmentations=masks)
    records = [result | dict(score=0.75), result | dict(score=0.1)]
    (tmp_path / "results.json").write_text(json.dumps(records))
    options = ["--results", tmp_path / "results.json", "--videos", 1]
    assert run(tiny, tmp_path / "out", *options) == 0
    text = (tmp_path / "out/index.html").read_text()
    assert "<h3>results</h3>" in text and "green 0.75" in text and "green 0.10" not in text


def test_names_are_escaped(tiny, tmp_path):
    document = json.loads(tiny[0].read_text())
    document["categories"][0]["name"] = "<script>alert('&')</script>"
    tiny[0].write_text(json.dumps(document))
    run(tiny, tmp_path / "out", "--videos", 1)
    text = (tmp_path / "out/index.html").read_text()
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text


@pytest.mark.parametrize(
    "change, options, message",
    [
        ({}, ["--videos", "8"], "--videos: 8"),
        ({}, ["--results", "nowhere.json"], "nowhere.json"),
        ({"annotations": None}, [], "annotations: null"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tiny, tmp_path, capsys, change, options, message):
    tiny[0].write_text(json.dumps(json.loads(tiny[0].read_text()) | change))
    assert run(tiny, tmp_path / "out", *options) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error
    assert not (tmp_path / "out").exists()


def test_videos_without_annotations_show_results_alone(tiny, tmp_path):
    tiny[0].write_text(json.dumps(json.loads(tiny[0].read_text()) | {"annotations": None}))
    (tmp_path / "results.json").write_text("[]")
    options = ["--results", tmp_path / "results.json", "--videos", 2]
    assert run(tiny, tmp_path / "out", *options) == 0
    assert "ground truth" not in (tmp_path / "out/index.html").read_text()


def test_spans_are_runs_of_equal_moments():
    green, red = Moment("a", (0, 255, 0)), Moment("b", (255, 0, 0))
    got = spans([None, green, green, red, None, None, red])
    assert got == [(1, 2, green), (3, 3, red), (6, 6, red)]
    assert spans([]) == []
