import base64
import json
import re

import cv2
import numpy as np
import pytest
from tiny_ovis import write_tiny_ovis

from ovis_jax.data.movie_files import read_movie
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import Video, load_annotations
from ovis_jax.tools.browse import main
from ovis_jax.visualization.colors import LEVEL_COLORS
from ovis_jax.visualization.movie import write_movie
from ovis_jax.visualization.viewer.page import Systems, video_data

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


def test_chosen_videos_get_a_movie_a_sheet_and_a_place_on_the_page(tiny, tmp_path, capsys):
    output = tmp_path / "out"
    assert run(tiny, output, "--videos", 3, 1) == 0
    assert capsys.readouterr().out.strip() == str(output / "index.html")
    names = [f"video_{number}.{kind}" for number in (1, 3) for kind in ("mp4", "png")]
    assert sorted(path.name for path in output.iterdir()) == ["index.html", *names]
    assert len(list(read_movie(output / "video_3.mp4"))) == 6
    text = (output / "index.html").read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)|@import|url\(|fetch\(""", text)
    data = data_of(output / "index.html")
    assert [(video["id"], video["length"]) for video in data["videos"]] == [(3, 6), (1, 6)]
    assert all(len(video["frames"]) == 6 for video in data["videos"])


def data_of(page):
    """What the page shows."""
    text = page.read_text()
    return json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.S)[1])


def test_the_page_knows_the_levels_of_an_object_in_each_frame(tiny, tmp_path):
    run(tiny, tmp_path / "out", "--videos", 1)
    data = data_of(tmp_path / "out/index.html")
    assert {own["id"]: own["color"] for own in data["levels"]} == {
        level: "#{:02x}{:02x}{:02x}".format(*LEVEL_COLORS[level]) for level in LEVELS
    }
    ((panel,),) = (video["panels"] for video in data["videos"])
    red, green = panel["tracks"]
    seen = [frame for frame, mask in enumerate(green["masks"]) if mask]
    assert seen == [0, 2, 3, 4] and [bool(mask) for mask in red["masks"]] == [True] * 5 + [False]
    assert red["levels"] == [LEVELS[frame % 3] for frame in range(5)] + [None]


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
    truth, results = data_of(tmp_path / "out/index.html")["videos"][0]["panels"]
    assert (truth["name"], results["name"]) == ("ground truth", "results")
    assert [track["label"] for track in results["tracks"]] == ["green 0.75"]
    assert results["tracks"][0]["masks"] == truth["tracks"][0]["masks"]
    assert {error["kind"] for error in results["errors"]} == {"class", "missed"}


def test_several_systems_stand_side_by_side(tiny, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text("[]")
    results = [tmp_path / name / "results.json" for name in ("one", "two")]
    assert run(tiny, tmp_path / "out", "--results", *results, "--videos", 1) == 0
    data = data_of(tmp_path / "out/index.html")
    assert data["systems"] == ["one", "two"]
    names = [panel["name"] for panel in data["videos"][0]["panels"]]
    assert names == ["ground truth", "one", "two"]


def test_large_frames_and_their_masks_shrink_together(tmp_path):
    video = Video(1, 1280, 640, 1, ("clip/1.jpg",))
    mask = np.zeros((640, 1280), np.uint8)
    mask[:320, :640] = 1
    record = dict(video_id=1, category_id=1, score=0.5, segmentations=[rle.encode(mask)])
    path = tmp_path / "a.json"
    categories = [dict(id=1, name="thing")]
    videos = [dict(id=1, width=1280, height=640, length=1, file_names=["clip/1.jpg"])]
    path.write_text(json.dumps(dict(videos=videos, categories=categories, annotations=None)))
    systems = Systems(load_annotations(path), {"results": [record]}, 0.3)
    data = video_data(systems, video, [np.zeros((640, 1280, 3), np.uint8)])
    assert (data["width"], data["height"]) == (640, 320)
    (track,) = data["panels"][0]["tracks"]
    small = rle.decode(dict(size=[320, 640], counts=track["masks"][0]))
    np.testing.assert_array_equal(small, mask[::2, ::2])
    jpeg = base64.b64decode(data["frames"][0].partition(",")[2])
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).shape == (320, 640, 3)


@pytest.mark.parametrize("source", ["folder", "movie"])
def test_results_of_one_video_need_no_annotation_file(tiny, tmp_path, source):
    document = json.loads(tiny[0].read_text())
    masks = document["annotations"][0]["segmentations"]
    record = dict(video_id=1, category_id=7, score=0.9, segmentations=masks)
    (tmp_path / "alone").mkdir()
    results = tmp_path / "alone" / "results.json"
    results.write_text(json.dumps([record]))
    images = tmp_path / "frames" / "clip1"
    if source == "movie":
        frames = [cv2.imread(str(path))[..., ::-1] for path in sorted(images.iterdir())]
        images = tmp_path / "clip.mp4"
        write_movie(images, frames, 5.0)
    options = ["--results", results, "--images", images, "--output", tmp_path / "out"]
    assert main([*map(str, options)]) == 0
    (panel,) = data_of(tmp_path / "out/index.html")["videos"][0]["panels"]
    assert [track["label"] for track in panel["tracks"]] == ["category 7 0.90"]
    beside = results.with_name("annotations.json")
    beside.write_text(json.dumps(dict(categories=[dict(id=7, name="cat")])))
    assert main([*map(str, options)]) == 0
    (panel,) = data_of(tmp_path / "out/index.html")["videos"][0]["panels"]
    assert [track["label"] for track in panel["tracks"]] == ["cat 0.90"]


def test_without_an_annotation_file_results_of_several_videos_are_one_line(tmp_path, capsys):
    records = [dict(video_id=k, category_id=1, score=0.5, segmentations=[]) for k in (1, 2)]
    (tmp_path / "r.json").write_text(json.dumps(records))
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((8, 8, 3), np.uint8))
    files = dict(results="r.json", images="one.png", output="out")
    arguments = [each for k, v in files.items() for each in (f"--{k}", str(tmp_path / v))]
    assert main(arguments) == 2
    assert "r.json: video_id: 2 videos, expected those of one" in capsys.readouterr().err
    assert main(arguments[2:]) == 2
    assert "expected --annotations, --results or both" in capsys.readouterr().err
    (tmp_path / "r.json").write_text(json.dumps([records[0] | {"segmentations": [None]}]))
    assert main([*arguments, "--videos", "7"]) == 2
    assert f"--videos: 7 is not in {tmp_path}/r.json" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_one_line_before_any_work(tiny, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert run((tmp_path / "nowhere.json", tiny[1]), tmp_path / "out") == 2
    assert "out is a file, expected a folder" in capsys.readouterr().err


def test_names_are_escaped(tiny, tmp_path):
    document = json.loads(tiny[0].read_text())
    document["categories"][0]["name"] = "<script>alert('&')</script>"
    tiny[0].write_text(json.dumps(document))
    run(tiny, tmp_path / "out", "--videos", 1)
    text = (tmp_path / "out/index.html").read_text()
    assert "<script>alert" not in text
    assert "<script>alert('&')</script>" in {
        x["name"] for x in data_of(tmp_path / "out/index.html")["categories"]
    }


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
    (panel,) = data_of(tmp_path / "out/index.html")["videos"][0]["panels"]
    assert panel["name"] == "results"
