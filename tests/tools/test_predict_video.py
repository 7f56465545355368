"""Tracking a video file or a folder of frames, with a toy system."""

import dataclasses
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from tiny_movies import corner_frames, write_file
from toy_model import toy_model

from ovis_jax.classes import ModelClasses
from ovis_jax.data.image_sources import open_images
from ovis_jax.data.movie_files import read_movie, survey_movie
from ovis_jax.formats.annotations import Category, load_annotations
from ovis_jax.formats.errors import INTERRUPTED, InputError
from ovis_jax.formats.results import load_results
from ovis_jax.predict import Predictor
from ovis_jax.tools import predict_video as predict_tool
from ovis_jax.tools.predict_video import main, named_categories, predict_video
from ovis_jax.visualization.movie import write_movie

FRAMES = [np.full((48, 80, 3), 20 * t + 60, np.uint8) for t in range(7)]


def predicted(source, output, model=None, **writes):
    """Records of a toy system; windows of 2 + 1 + 2 frames."""
    predictor = Predictor(model or toy_model(2))
    return predict_video(predictor, open_images(source), output, 0.0, **writes)


def write_folder(folder):
    folder.mkdir()
    for number, frame in enumerate(FRAMES):
        cv2.imwrite(str(folder / f"{number:03}.png"), frame)


def test_a_folder_of_frames_becomes_results_and_an_overlay(tmp_path):
    write_folder(tmp_path / "frames")
    records = predicted(tmp_path / "frames", tmp_path / "made" / "here")
    files = sorted(path.name for path in (tmp_path / "made" / "here").iterdir())
    assert files == ["annotations.json", "overlay.mp4", "overlay.png", "results.json"]
    assert json.loads((tmp_path / "made" / "here" / "results.json").read_text()) == records
    assert records and all(len(record["segmentations"]) == 7 for record in records)
    assert {record["category_id"] for record in records} <= {3, 7}
    assert len(list(read_movie(tmp_path / "made" / "here" / "overlay.mp4"))) == 7


def test_the_annotation_file_beside_the_results_names_frames_and_categories(tmp_path):
    write_folder(tmp_path / "cats")
    write_movie(tmp_path / "dogs.mp4", FRAMES, 5.0)
    categories = (Category(40, "dog"), Category(9, "cat"))
    model = dataclasses.replace(toy_model(2), categories=categories)
    for source, frames in (
        ("cats", [f"cats/{t:03}.png" for t in range(7)]),
        ("dogs.mp4", [f"dogs/frame_{t:06}.jpg" for t in range(7)]),
    ):
        output = tmp_path / "out" / source
        records = predicted(tmp_path / source, output, model)
        found = load_annotations(output / "annotations.json")
        assert list(found.videos[0].file_names) == frames and not found.has_ground_truth
        assert found.categories == (Category(9, "cat"), Category(40, "dog"))
        assert len(load_results(output / "results.json", found)) == len(records) > 0
        plain = predicted(tmp_path / source, output)  # label 1 is the dog, whatever its id
        ids = {7: 40, 3: 9}
        assert [r["category_id"] for r in records] == [ids[r["category_id"]] for r in plain]


def test_the_ids_of_categories_are_those_of_the_file_that_is_named(tmp_path):
    classes = ModelClasses((Category(1, "dog"), Category(2, "cat")), "a checkpoint")
    model = dataclasses.replace(toy_model(), classes=classes, categories=classes.categories)
    assert named_categories(None, model) == classes.categories
    categories = [{"id": 5, "name": "cat"}, {"id": 8, "name": "dog"}]
    document = {"videos": [], "categories": categories, "annotations": None}
    (tmp_path / "a.json").write_text(json.dumps(document))
    found = named_categories(f"{tmp_path}/a.json", model)
    assert found == (Category(8, "dog"), Category(5, "cat"))


def test_a_video_file_gives_as_many_frames_as_it_holds(tmp_path):
    write_movie(tmp_path / "clip.mp4", FRAMES, 5.0)
    images = open_images(tmp_path / "clip.mp4")
    assert (images.width, images.height) == (80, 48)
    assert images.seconds == pytest.approx([0.2] * 7)
    records = predicted(tmp_path / "clip.mp4", tmp_path)
    assert records and all(len(record["segmentations"]) == 7 for record in records)


def test_the_command_ends_with_one_line_and_exit_code_2(tmp_path):
    command = [
        sys.executable,
        "-m",
        "ovis_jax.tools.predict_video",
        "--config=configs/quickstart.py",
    ]
    command += [f"--checkpoint={tmp_path}", f"--input={tmp_path}/a.mp4", f"--output={tmp_path}/out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert len(done.stderr.splitlines()) == 1 and "a.mp4: does not exist" in done.stderr


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


def test_a_video_held_upright_gives_the_results_of_one_stored_upright(tmp_path):
    frames = corner_frames(5, 80, 48)
    write_file(tmp_path / "plain.mkv", frames, "ffv1", "bgr0")
    sideways = np.ascontiguousarray(np.rot90(frames, 1, (1, 2)))
    write_file(tmp_path / "clip.mkv", sideways, "ffv1", "bgr0", tags={"rotate": "90"})
    for name in ("plain", "clip"):
        predicted(tmp_path / f"{name}.mkv", tmp_path / name)
    assert results_of(tmp_path / "clip") == results_of(tmp_path / "plain")
    assert results_of(tmp_path / "clip")[0]["segmentations"][0]["size"] == [48, 80]
    overlays = [read_movie(tmp_path / name / "overlay.mp4") for name in ("plain", "clip")]
    for one, other in zip(*overlays, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_overlay_plays_at_the_pace_of_the_video(tmp_path):
    times = [0, 33, 66, 99, 799, 1499]
    write_file(tmp_path / "idle.webm", corner_frames(6), "libvpx", times=times)
    predicted(tmp_path / "idle.webm", tmp_path / "out")
    shown = survey_movie(tmp_path / "out" / "overlay.mp4").seconds
    assert shown == pytest.approx(survey_movie(tmp_path / "idle.webm").seconds, abs=1e-3)
    assert shown[:5] == pytest.approx([0.033, 0.033, 0.033, 0.7, 0.7], abs=1e-3)


def test_sizes_that_differ_are_one_line_before_any_work(tmp_path):
    write_folder(tmp_path / "frames")
    cv2.imwrite(str(tmp_path / "frames" / "004.png"), np.zeros((24, 40, 3), np.uint8))
    for name, frames in (("one.ts", corner_frames(4)), ("other.ts", corner_frames(3, 32, 32))):
        write_file(tmp_path / name, frames)
    both = b"".join((tmp_path / name).read_bytes() for name in ("one.ts", "other.ts"))
    (tmp_path / "both.ts").write_bytes(both)
    for name, message in (("frames", "004.png: 40x24 pixels, but 000.png has 80x48"),
                          ("both.ts", "frame 4 has 32x32")):  # fmt: skip
        with pytest.raises(InputError, match=message) as raised:
            predicted(tmp_path / name, tmp_path / "out")
        assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


def test_an_image_of_odd_sides_has_results_and_an_overlay(tmp_path):
    cv2.imwrite(str(tmp_path / "odd.png"), np.full((49, 65, 3), 90, np.uint8))
    predicted(tmp_path / "odd.png", tmp_path / "out")
    assert len(list(read_movie(tmp_path / "out" / "overlay.mp4"))) == 1
    assert all(len(record["segmentations"]) == 1 for record in results_of(tmp_path / "out"))


def test_an_oracle_is_refused_as_a_video_has_no_annotations(tmp_path, capsys):
    options = [f"--checkpoint={tmp_path}", f"--input={tmp_path}", f"--output={tmp_path}/out"]
    assert main([*options, "--config=quickstart", "--config.predict.oracle=image"]) == 2
    error = capsys.readouterr().err
    assert "config.predict.oracle: 'image' needs annotated videos" in error


def test_frames_are_written_one_by_one_and_tracks_only_if_they_are_wanted(tmp_path):
    write_folder(tmp_path / "frames")
    records = predicted(tmp_path / "frames", tmp_path / "out", writes=("frames", "ids"))
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert records == [] and files == ["annotations.json", "frames.jsonl", "ids"]
    lines = [json.loads(x) for x in (tmp_path / "out" / "frames.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == [*range(7)]
    assert len(list((tmp_path / "out" / "ids").iterdir())) == 7
    whole = predicted(tmp_path / "frames", tmp_path / "whole")
    for line in lines:
        masks = [r["segmentations"][line["frame"]] for r in whole]
        assert [x["segmentation"] for x in line["objects"]] == [m for m in masks if m]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command with a toy model; a function of its options."""
    model = toy_model(1)
    monkeypatch.setattr(predict_tool, "chosen_config", lambda *_: model.config)
    monkeypatch.setattr(predict_tool, "load_trained", lambda *_: model)
    (tmp_path / "model.npz").write_text("weights")

    def call(*options):  # of an option that is there twice the last one counts
        fixed = [f"--checkpoint={tmp_path}/model.npz", f"--output={tmp_path}/out"]
        return main([*fixed, *map(str, options)])

    return call


def test_several_videos_get_a_folder_each(tmp_path, command):
    for folder in ("left", "right"):
        (tmp_path / folder).mkdir()
        write_movie(tmp_path / folder / "clip.mp4", FRAMES, 5.0)
    write_folder(tmp_path / "frames.v2")
    inputs = [tmp_path / "left/clip.mp4", tmp_path / "right/clip.mp4", tmp_path / "frames.v2"]
    assert command("--input", *inputs, "--write", "results") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "clip",
        "clip_2",
        "frames.v2",
    ]
    assert results_of(tmp_path / "out/clip") == results_of(tmp_path / "out/clip_2") != []


def test_the_same_line_goes_on_behind_what_was_done(tmp_path, command):
    for name in ("one", "two"):
        write_folder(tmp_path / name)
    options = ["--input", tmp_path / "one", tmp_path / "two", "--write", "results", "frames"]
    assert command(*options) == 0
    kept, lost = (tmp_path / "out" / name for name in ("one", "two"))
    (lost / "done.json").unlink()  # as an interruption leaves it
    (lost / "frames.jsonl").write_text('{"frame": 0, "obj')
    (kept / "results.json").write_text("looked at")
    assert command(*options) == 0
    assert (kept / "results.json").read_text() == "looked at"
    assert len((lost / "frames.jsonl").read_text().splitlines()) == 7
    assert command(*options, "--causal") == 0  # other options, other results
    assert len(results_of(kept)) > 0


def test_other_frames_or_weights_are_predicted_anew(tmp_path, command):
    write_folder(tmp_path / "one")
    options = ["--input", tmp_path / "one", "--write", "results"]
    assert command(*options) == 0
    (tmp_path / "out" / "results.json").write_text("old")
    cv2.imwrite(str(tmp_path / "one" / "007.png"), FRAMES[0])
    assert command(*options) == 0
    assert len(results_of(tmp_path / "out")[0]["segmentations"]) == 8
    (tmp_path / "out" / "results.json").write_text("old")
    (tmp_path / "model.npz").write_text("other weights")
    assert command(*options) == 0
    assert results_of(tmp_path / "out") != []


def test_a_video_that_was_interrupted_goes_on_inside(tmp_path, command, monkeypatch, capsys):
    (tmp_path / "long").mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):
        image = rng.integers(0, 255, (48, 80, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "long" / f"{number:03}.png"), image)
    options = ["--input", tmp_path / "long", "--write", "results", "frames", "ids", "overlay"]
    assert command(*options, f"--output={tmp_path}/whole") == 0
    monkeypatch.setattr(predict_tool, "SECONDS", 0.0)
    track, asked = Predictor.track, []

    def interrupted(self, frames, **settings):
        asked.append(settings["resumed"])

        def some():
            for number, frame in enumerate(frames):
                if number == 13 and len(asked) == 1:
                    raise KeyboardInterrupt
                yield frame

        return track(self, some(), **settings)

    monkeypatch.setattr(Predictor, "track", interrupted)
    assert command(*options) == INTERRUPTED
    assert capsys.readouterr().err.endswith("interrupted; repeat the same line to go on\n")
    lines = (tmp_path / "out/frames.jsonl").read_text().splitlines()
    assert 6 < len(lines) < 13 and not (tmp_path / "out/results.json").exists()
    assert command(*options) == 0
    assert asked[0] is None and asked[1].num_frames >= 8
    for name in ("results.json", "frames.jsonl", "annotations.json", "overlay.mp4"):
        whole, parts = (tmp_path / folder / name for folder in ("whole", "out"))
        assert whole.read_bytes() == parts.read_bytes(), name
    files = [{path.name for path in (tmp_path / own).iterdir()} for own in ("whole", "out")]
    assert files[0] == files[1] and "ids" in files[0] and ".unfinished" not in files[0]


def test_what_an_interrupted_call_left_is_not_taken_for_other_options(
    tmp_path, command, monkeypatch
):
    write_folder(tmp_path / "one")
    monkeypatch.setattr(predict_tool, "SECONDS", 0.0)
    monkeypatch.setattr(predict_tool, "write_results", lambda *_: 1 / 0)
    options = ["--input", tmp_path / "one", "--write", "results"]
    with pytest.raises(ZeroDivisionError):
        command(*options)
    assert (tmp_path / "out/.unfinished/state.npz").exists()
    monkeypatch.undo()
    model = toy_model(1)
    monkeypatch.setattr(predict_tool, "chosen_config", lambda *_: model.config)
    monkeypatch.setattr(predict_tool, "load_trained", lambda *_: model)
    track, asked = Predictor.track, []

    def noted(self, frames, **settings):
        asked.append(settings["resumed"])
        return track(self, frames, **settings)

    monkeypatch.setattr(Predictor, "track", noted)
    assert command(*options, "--causal") == 0
    assert asked == [None] and results_of(tmp_path / "out") != []
