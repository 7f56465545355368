"""Exported models: one file, a loader of some fifty lines, and the numbers of the live model."""

import importlib.util
import json
import subprocess
import sys
import zipfile

import jax.export
import numpy as np
import pytest
from toy_model import toy_model

from ovis_jax.data.from_config import resizing
from ovis_jax.data.transforms import frame_geometry, transform_image
from ovis_jax.export import load
from ovis_jax.export.artifact import description, frame_size, write_artifact
from ovis_jax.export.programs import PLATFORMS, Programs
from ovis_jax.export.stablehlo import write_stablehlo
from ovis_jax.predict.predictor import Predictor
from ovis_jax.tools import choices

SIZE = (80, 48)
CHUNK = 2
FRAMES = np.random.default_rng(0).integers(0, 255, (7, 48, 80, 3)).astype(np.uint8)
ALONE = """
import pathlib, sys
import numpy as np
from load import Model
rows = {}
for frame, objects in Model(sys.argv[1]).track(np.load(sys.argv[2])):
    rows |= {f"{frame}/{name}": x for name, x in objects.items()}
np.savez(sys.argv[3], **rows)
loaded = [m for m in sys.modules if m.split(".")[0] in ("ovis_jax", "flax", "tensorflow")]
assert not loaded, loaded
"""


def export(path, model, platforms=("cpu",)):
    """Writes a model; its programs."""
    geometry = frame_geometry(*SIZE, resizing(model.config.data))
    programs = Programs(model.system, model.variables, frame_size(geometry, CHUNK), 5)
    about = description(model.system, geometry, SIZE, CHUNK, model.categories)
    write_artifact(path, programs, about, geometry, platforms)
    return programs


def assert_equal(result, objects):
    """A live frame result has the numbers of what the loader gave."""
    for ours, theirs in (("ids", "ids"), ("labels", "labels"), ("scores", "scores"),
                         ("boxes", "boxes")):  # fmt: skip
        np.testing.assert_array_equal(getattr(result, ours), objects[theirs])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The exported and the live model, by the frames that they see on either side."""
    pairs = {}
    for window in (0, 2):
        path = tmp_path_factory.mktemp("exported") / "model.zip"
        export(path, toy_model(window))
        pairs[window] = load.Model(path, "cpu"), Predictor(toy_model(window), chunk=CHUNK)
    return pairs


@pytest.mark.parametrize("length", [1, 2, 5, 6])
@pytest.mark.parametrize("window", [0, 2])
def test_a_clip_of_any_length_has_the_numbers_of_the_live_model(both, window, length):
    exported, live = both[window]
    got, want = (list(each.track(FRAMES[:length])) for each in (exported, live))
    assert [frame for frame, _ in got] == [result.frame for result in want] == [*range(length)]
    assert sum(len(result) for result in want)
    for (_, objects), result in zip(got, want, strict=True):
        assert_equal(result, objects)


def test_a_platform_that_the_file_is_not_for_is_refused(tmp_path):
    export(tmp_path / "model.zip", toy_model(), ("cpu", "tpu"))
    with pytest.raises(ValueError, match=r"model.zip runs on \['cpu', 'tpu'\], not on 'cuda'"):
        load.Model(tmp_path / "model.zip", "cuda")


def test_no_frames_have_no_results(both):
    assert list(both[2][0].track([])) == []


def test_frames_of_another_size_are_refused(both):
    wider = np.pad(FRAMES, [(0, 0), (0, 0), (0, 1), (0, 0)])
    with pytest.raises(ValueError, match=r"a frame is \(48, 81, 3\), expected .*'width': 80"):
        next(both[0][0].track(wider))


def test_the_loader_in_the_file_runs_without_this_package_and_flax(tmp_path):
    model = toy_model(1)
    export(tmp_path / "model.zip", model)
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        archive.extract("load.py", tmp_path)
    lines = (tmp_path / "load.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 50
    np.save(tmp_path / "frames.npy", FRAMES)
    files = [tmp_path / name for name in ("model.zip", "frames.npy", "out.npz")]
    command = [sys.executable, "-c", ALONE, *map(str, files)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = np.load(tmp_path / "out.npz")
    for result in Predictor(model, chunk=CHUNK).track(FRAMES):
        own = {name: rows[f"{result.frame}/{name}"] for name in ("ids", "labels", "scores")}
        assert_equal(result, own | {"boxes": rows[f"{result.frame}/boxes"]})


@pytest.mark.parametrize(
    "resize",
    [
        dict(fit="within", resampling="opencv"),
        dict(fit="short_side", resampling="pillow"),
        dict(fit="exact", resampling="opencv", axis_scales=True),
        dict(fit="centered", resampling="opencv"),
    ],
)
def test_frames_are_prepared_as_they_are_for_the_live_model(tmp_path, resize):
    settings = dict(image_scale=(64, 32), pad_multiple=16, resize=resize)
    model = toy_model(resizing=settings)
    export(tmp_path / "model.zip", model)
    geometry = frame_geometry(*SIZE, resizing(model.config.data))
    loaded = load.Model(tmp_path / "model.zip", "cpu")
    for frame in FRAMES[:3]:
        want = transform_image(frame, geometry, flip=False)
        np.testing.assert_array_equal(loaded.prepare(frame), want)


def test_the_file_says_what_the_labels_mean_and_how_late_results_are(tmp_path):
    export(tmp_path / "model.zip", toy_model(2))
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        about = json.loads(archive.read("about.json"))
    assert about["categories"] == [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}]
    assert (about["delay"], about["chunk"], about["platforms"]) == (2, CHUNK, ["cpu"])
    assert about["frame_size"] == {"width": 80, "height": 48}
    assert about["masks"] == "grids over boxes"


def test_the_same_model_is_the_same_file(tmp_path):
    for name in "ab":
        export(tmp_path / f"{name}.zip", toy_model(1))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_programs_are_written_for_every_platform_wherever_that_is_done(tmp_path):
    assert tuple(PLATFORMS) == choices.PLATFORMS, "copy the keys to choices.PLATFORMS"
    export(tmp_path / "model.zip", toy_model(1), tuple(PLATFORMS))
    files = np.load(tmp_path / "model.zip")
    for platform in PLATFORMS:
        for name in ("encode", "step"):
            exported = jax.export.deserialize(bytearray(files[f"{name}.{platform}"]))
            assert exported.platforms == (platform,)


def test_programs_are_text_on_request(tmp_path):
    programs = export(tmp_path / "model.zip", toy_model(1))
    written = write_stablehlo(tmp_path / "text", programs, ["cpu"])
    assert [path.name for path in written] == ["encode.cpu.mlir", "step.cpu.mlir"]
    for path in written:
        text = path.read_text()
        assert "func.func public @main" in text and "stablehlo." in text


@pytest.mark.exhaustive
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow")
def test_a_saved_model_has_the_same_numbers(tmp_path):
    from ovis_jax.data.quiet_tensorflow import tf
    from ovis_jax.export.saved_model import write_saved_model

    programs = export(tmp_path / "model.zip", toy_model(1))
    write_saved_model(tmp_path / "saved", programs)
    model = tf.saved_model.load(str(tmp_path / "saved"))
    frames = np.zeros((CHUNK, *programs.example("encode")[1].shape[1:]), np.uint8) + 50
    exists = np.ones(CHUNK, bool)
    features = programs.encode(programs.weights, frames)
    state, output = programs.step(programs.weights, programs.state, features, exists)
    got_features = model.encode(frames)
    got_state, got = model.step([tf.identity(x) for x in model.state], got_features, exists)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b.numpy(), rtol=1e-5, atol=1e-6),
        [features, state, output],
        [[*got_features], [*got_state], dict(got)],
    )
    assert output["valid"].any()
