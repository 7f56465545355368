"""Short and long videos scored apart, and base and novel categories, on the command line."""

import json

import pytest

from ovis_jax.evaluation import evaluate
from ovis_jax.tools.evaluate_results import main
from tests.evaluation.tracks import HEIGHT, WIDTH, rectangle, segmentations

NAMES = {1: "cat", 2: "dog", 3: "cow"}


def masks(frames: int, width: int) -> list[dict]:
    """A box as high as the frame; those of 8 and 4 columns have an IoU of 0.5."""
    tube = segmentations(rectangle(0, 0, width, HEIGHT, frames=frames))
    return [tube[frame] for frame in range(frames)]


def truth(videos: dict[int, int], categories: dict[int, list[int]]) -> dict:
    """Ground truth: `videos` id → length, `categories` of the objects of each video."""
    own = [(video, category) for video in categories for category in categories[video]]
    return {
        "videos": [
            {"id": v, "width": WIDTH, "height": HEIGHT, "length": n} for v, n in videos.items()
        ],
        "categories": [{"id": k, "name": name} for k, name in NAMES.items()],
        "annotations": [
            {
                "id": number,
                "video_id": video,
                "category_id": category,
                "segmentations": masks(videos[video], 8),
            }
            for number, (video, category) in enumerate(own, start=1)
        ],
    }


def track(video: int, category: int, frames: int, width: int, score: float = 0.5) -> dict:
    own = {"video_id": video, "category_id": category, "score": score}
    return own | {"segmentations": masks(frames, width)}


SHORT = truth({1: 2, 2: 2}, {1: [1], 2: [2]})
LONG = truth({11: 6}, {11: [1, 2]})
OF_SHORT = [track(1, 1, 2, 8), track(2, 2, 2, 4)]  # AP 1 and AP 0.1: an IoU of 0.5
OF_LONG = [track(11, 1, 6, 4)]  # AP 0.1 and AP 0


@pytest.fixture
def files(tmp_path):
    def write(**contents) -> dict[str, str]:
        for name, content in contents.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return {name: f"{tmp_path}/{name}.json" for name in contents}

    return write


def run(paths: dict, *options: str, results="own", long_results=None) -> int:
    arguments = ["--dataset", "ytvis", "--annotations", paths["short"], *options]
    arguments += ["--long-annotations", paths["long"]] if "long" in paths else []
    arguments += ["--long-results", paths[long_results]] if long_results else []
    return main([*arguments, "--results", paths[results]])


def test_short_and_long_videos_are_scored_apart_and_averaged(files, capsys, tmp_path):
    paths = files(short=SHORT, long=LONG, own=OF_SHORT, far=OF_LONG)
    output = tmp_path / "metrics.json"
    assert run(paths, "--output", str(output), "--per-category", long_results="far") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["short", "long", "mean"]
    assert ["AP", "55.0", "5.0", "30.0"] in rows and ["AP50", "100.0", "50.0", "75.0"] in rows
    assert ["cat", "100.0", "10.0", "55.0"] in rows and ["dog", "10.0", "0.0", "5.0"] in rows
    written = json.loads(output.read_text())
    assert list(written) == ["short", "long", "mean"]
    assert written["mean"]["AP"] == pytest.approx(0.3)
    assert written["mean"]["per_category"] == pytest.approx({"cat": 0.55, "dog": 0.05, "cow": -1})
    for part, results in (("short", "own"), ("long", "far")):
        assert written[part] == evaluate(paths[part], paths[results], "ytvis").as_dict()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_one_results_file_may_hold_the_tracks_of_both(files, capsys, tmp_path, workers):
    together = [OF_LONG[0], *OF_SHORT]
    paths = files(short=SHORT, long=LONG, own=OF_SHORT, far=OF_LONG, both=together)
    found = []
    for name, options in (("apart", {"long_results": "far"}), ("together", {"results": "both"})):
        written = [f"{tmp_path}/{name}.{kind}" for kind in ("output", "details")]
        more = ["--workers", workers, "--output", written[0], "--details", written[1]]
        assert run(paths, *more, **options) == 0
        found.append([capsys.readouterr().out, *(json.load(open(path)) for path in written)])
    (table, numbers, apart), (other_table, other_numbers, details) = found
    assert table == other_table and numbers == other_numbers
    assert [own["track"] for own in apart["short"]["tracks"]] == [0, 1]
    assert [own["track"] for own in details["short"]["tracks"]] == [1, 2]
    assert [own["track"] for own in details["long"]["tracks"]] == [0]


@pytest.mark.parametrize("own", [OF_LONG, [track(1, 1, 6, 8)]])
def test_exchanged_results_are_noticed(files, capsys, own):
    long = LONG if own == OF_LONG else truth({1: 6}, {1: [1]})
    paths = files(short=SHORT, long=long, own=own, far=OF_SHORT)
    assert run(paths, long_results="far") == 2
    error = capsys.readouterr().err
    assert "own.json" in error and "tracks of the long videos" in error and "exchanged?" in error
    assert error.count("\n") == 1


def test_one_file_cannot_tell_videos_of_one_id_apart(files, capsys):
    paths = files(short=SHORT, long=truth({2: 6, 3: 6}, {2: [1]}), own=OF_SHORT)
    assert run(paths) == 2
    assert "long.json: videos: 1 ids are in" in capsys.readouterr().err


def test_parts_with_other_categories_are_refused(files, capsys):
    other = LONG | {"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "wolf"}]}
    paths = files(short=SHORT, long=other, own=OF_SHORT, far=OF_LONG)
    for options in ({"long_results": "far"}, {}):
        assert run(paths, **options) == 2
        assert "long.json: categories: expected those of" in capsys.readouterr().err


def test_tracks_of_neither_part_are_an_error_or_dropped_and_counted(files, capsys):
    both = [*OF_SHORT, track(99, 1, 2, 8), *OF_LONG]
    paths = files(short=SHORT, long=LONG, own=both)
    assert run(paths) == 2
    assert "results[2]: video_id: 99" in capsys.readouterr().err
    assert run(paths, "--ignore-unknown-videos") == 0
    shown = capsys.readouterr().out
    assert "dropped 1 tracks of 1 videos" in shown and "3 tracks are scored" in shown


def test_base_and_novel_categories_are_averaged_apart(files, capsys, tmp_path):
    results = [*OF_SHORT, track(2, 3, 2, 8)]
    paths = files(short=SHORT, own=results, base={"base": ["cat"], "novel": ["dog", "cow"]})
    output = tmp_path / "metrics.json"
    assert run(paths, "--base-categories", paths["base"], "--output", str(output)) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1][:2] == ["all", "55.0"]
    assert ["base", "(1)", "100.0"] in [row[:3] for row in rows]
    assert ["novel", "(2)", "10.0"] in [row[:3] for row in rows]  # no cow: not in the mean
    written = json.loads(output.read_text())
    whole = evaluate(paths["short"], paths["own"], "ytvis")
    assert written["base"] == whole.over([1]) == whole.category_values[1]
    assert written["novel"]["AP"] == pytest.approx(0.1)
    assert whole.over(NAMES) == whole.values


def test_base_categories_of_parts_are_means_too(files, capsys, tmp_path):
    paths = files(short=SHORT, long=LONG, own=OF_SHORT, far=OF_LONG, base=["cat"])
    output = tmp_path / "metrics.json"
    more = ["--base-categories", paths["base"], "--output", str(output)]
    assert run(paths, *more, long_results="far") == 0
    assert "base (1)" in capsys.readouterr().out
    written = json.loads(output.read_text())
    assert written["short"]["base"]["AP"] == pytest.approx(1)
    assert written["mean"]["base"]["AP"] == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--long-results", "own"], "expected --long-annotations"),
        (["--long-annotations", "long", "--results", "own", "own"], "one system"),
        (["--base-categories", "own", "--class-agnostic"], "exclude each other"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(files, capsys, options, message):
    paths = files(short=SHORT, long=LONG, own=OF_SHORT)
    options = [paths.get(option, option) for option in options]
    assert main(["--annotations", paths["short"], "--results", paths["own"], *options]) == 2
    assert message in capsys.readouterr().err
