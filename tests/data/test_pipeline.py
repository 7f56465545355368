import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from tiny_ovis import write_tiny_ovis

from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
from ovis_jax.formats.errors import InputError

CAPACITY = 4


@pytest.fixture
def config(tmp_path):
    return write_tiny_ovis(tmp_path)


@pytest.fixture
def data(config):
    return open_training_data(config, CAPACITY)


def _take(data, count, **options):
    batches = training_batches(data, **{"batch_size": 4, "seed": 5} | options)
    return [next(batches) for _ in range(count)]


def _assert_equal(got, want):
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_shapes_and_types_are_those_of_the_records(data):
    for batch in _take(data, 5):
        height, width = batch.frames.shape[2:4]
        assert (height, width) in ((32, 48), (48, 32))
        assert batch.frames.shape == (4, 2, height, width, 3)
        assert batch.instances.boxes.shape == (4, 2, CAPACITY, 4)
        assert batch.instances.masks.shape == (4, 1, CAPACITY, height, width // 8)
        assert batch.image_size.shape == (4, 2) and batch.sample.shape == (4,)
        slots = (batch.instances.labels, batch.instances.identities, batch.instances.valid)
        assert all(leaf.shape == (4, 2, CAPACITY) for leaf in slots)
        types = [leaf.dtype.name for leaf in jax.tree.leaves(batch)]
        of_objects = ["float32", "int32", "int32", "uint8", "bool", "int32"]
        assert types == ["uint8", "int32", *of_objects, "int32"]


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(data):
    first = _take(data, 8)
    _assert_equal(_take(data, 8), first)
    other = _take(data, 8, seed=6)
    assert any((a.sample != b.sample).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("start", [1, 4, 7])
def test_a_restart_continues_with_the_same_batches(data, start):
    _assert_equal(_take(data, 8 - start, start_step=start), _take(data, 8)[start:])


def test_the_rows_of_two_hosts_are_those_of_one(data):
    whole = _take(data, 6)
    halves = [_take(data, 6, host_index=i, host_count=2) for i in range(2)]
    for want, *parts in zip(whole, *halves, strict=True):
        _assert_equal(jax.tree.map(lambda *rows: np.concatenate(rows), *parts), want)


def test_an_epoch_visits_every_sample(data):
    assert data.num_samples == 15
    count = data.batches_per_epoch(4)
    for epoch in range(2):
        batches = _take(data, count, start_step=epoch * count)
        assert set(np.concatenate([b.sample for b in batches])) == set(range(15))


def _clips(config, **changes):
    """A clip of every sample."""
    config = config.copy_and_resolve_references()
    config.update(changes)
    data = open_training_data(config, CAPACITY)
    return [data.clip(data.draw(0, sample, sample)) for sample in range(data.num_samples)]


def test_large_frames_can_be_decoded_at_half_their_size(config):
    small = (32, 16)  # at most half of every frame
    whole = _clips(config, image_scale=small)
    halved = _clips(config, image_scale=small, halved_decoding=True)
    for got, want in zip(halved, whole, strict=True):
        assert 0 < np.abs(want.frames[0].astype(int) - got.frames[0]).mean() < 8
        _assert_equal(got.replace(frames=0), want.replace(frames=0))


def test_frames_that_are_hardly_shrunk_are_decoded_as_a_whole(config):
    _assert_equal(_clips(config, halved_decoding=True), _clips(config))


def test_flip_probability_decides_about_all_frames(config):
    batches = []
    for config.flip_probability in (0.0, 1.0):
        batches.append(_take(open_training_data(config, CAPACITY), 4))
    for plain, flipped in zip(*batches, strict=True):
        for row, (_, width) in enumerate(plain.image_size):
            for image, mirrored in zip(plain.frames[row], flipped.frames[row], strict=True):
                np.testing.assert_array_equal(mirrored[:, :width], image[:, :width][:, ::-1])


def test_objects_beyond_the_capacity_are_the_smallest_and_are_counted(config):
    data = open_training_data(config, 1)
    assert data.num_dropped == 12  # two objects in four frames of three videos
    for batch in _take(data, 6):
        assert batch.instances.valid.all() and batch.instances.boxes.shape == (4, 2, 1, 4)


def test_crowds_are_left_out_with_their_masks(config):
    path = pathlib.Path(config.train_annotations)
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        annotation["iscrowd"] = int(annotation["category_id"] == 3)
    path.write_text(json.dumps(content))
    for batch in _take(open_training_data(config, CAPACITY), 6):
        assert (batch.instances.valid[:, 0].sum(axis=1) == 1).all()
        assert (batch.instances.labels[batch.instances.valid] == 1).all()
        masks = np.unpackbits(batch.instances.masks, axis=-1).any(axis=(3, 4))
        np.testing.assert_array_equal(masks, batch.instances.valid[:, :1])


def test_samples_are_named_for_messages(data):
    assert data.describe(7) == "video 2 (clip2/00002.jpg), frame 2"


def test_a_truncated_frame_is_one_error_that_names_the_file(config, capfd):
    for path in pathlib.Path(config.train_images).rglob("00003.jpg"):
        path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(InputError, match="00003.jpg: truncated JPEG") as caught:
        _take(open_training_data(config, CAPACITY), 20)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err


def test_missing_frames_are_found_before_training(config):
    next(pathlib.Path(config.train_images).rglob("00004.jpg")).unlink()
    with pytest.raises(InputError, match="00004.jpg"):
        open_training_data(config, CAPACITY)


def test_annotations_without_ground_truth_cannot_be_trained_on(config):
    path = pathlib.Path(config.train_annotations)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": None}))
    with pytest.raises(InputError, match="annotations"):
        open_training_data(config, CAPACITY)


@pytest.mark.parametrize("field, value", [("reference_sampling", "near"), ("pad_multiple", 20)])
def test_values_that_make_no_sense_are_input_errors(config, field, value):
    config[field] = value
    with pytest.raises(InputError, match=field):
        open_training_data(config, CAPACITY)


def test_hosts_must_divide_the_batch(data):
    with pytest.raises(ValueError, match="3 hosts"):
        training_batches(data, batch_size=4, seed=0, host_count=3)


def test_nothing_imports_tensorflow_before_batches_are_asked_for():
    modules = "pipeline samples video_frames videos.records".split()
    code = "import sys; " + "; ".join(f"import ovis_jax.data.{name}" for name in modules)
    code += "; import ovis_jax.main"
    code += "; sys.exit(bool({'tensorflow', 'tensorflow_datasets'} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
