"""MaskTrack R-CNN with and without calibration: what training and inference promise."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.poison import poison_instances
from models.tiny import HEIGHT, WIDTH, frame_pairs, tiny_system, window
from models.total_loss import total_loss

from ovis_jax.ops.shards import WHOLE, Shard

TOTAL_LOSSES = {"rpn_class", "rpn_box", "box_class", "box", "mask", "track"}


@pytest.mark.parametrize("calibrated", [True, False])
def test_every_loss_is_finite_and_every_part_receives_a_gradient(calibrated):
    system, variables = tiny_system(calibrated=calibrated)
    (total, (losses, _)), gradient = total_loss(system, variables, frame_pairs())
    assert set(losses) == TOTAL_LOSSES
    assert np.isfinite(total)
    parts = {"backbone", "neck", "rpn", "box", "mask", "track"}
    assert set(gradient["params"]) == parts | ({"calibration"} if calibrated else set())
    for part, tree in gradient["params"].items():
        assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(tree)) > 0, part


def test_what_stands_in_invalid_instance_slots_changes_no_loss_and_no_gradient():
    system, variables = tiny_system()
    batch = frame_pairs()
    clean = total_loss(system, variables, batch)
    poisoned = total_loss(system, variables, poison_instances(batch))
    jax.tree.map(np.testing.assert_array_equal, clean, poisoned)


def test_a_frame_without_objects_trains_the_background_only():
    system, variables = tiny_system()
    batch = frame_pairs()
    empty = jnp.zeros_like(batch.instances.valid)
    batch = batch.replace(instances=batch.instances.replace(valid=empty), reference_valid=empty)
    (total, (losses, _)), gradient = total_loss(system, variables, batch)
    assert losses["mask"] == losses["track"] == losses["box"] == losses["rpn_box"] == 0
    assert np.isfinite(total) and all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


@functools.cache
def compiled_detect(system):
    def detections(variables, frames, valid):
        return system.apply(variables, window(system, variables, frames, valid), method="detect")

    return jax.jit(detections)


def detect(system, variables, frames, valid):
    return compiled_detect(system)(variables, frames, jnp.asarray(valid))


def assert_same_detections(a, b):
    np.testing.assert_array_equal(a.valid, b.valid)
    for field in ("boxes", "scores", "labels", "embeddings", "mask_logits"):
        np.testing.assert_array_equal(getattr(a, field)[a.valid], getattr(b, field)[a.valid])


def test_frames_outside_the_video_do_not_count_whatever_they_hold():
    system, variables = tiny_system(reference_window=2)
    frames = jax.random.normal(jax.random.key(2), (5, HEIGHT, WIDTH, 3))
    valid = [False, False, True, True, True]
    poisoned = frames.at[:2].set(jnp.nan)
    a = detect(system, variables, frames, valid)
    assert a.valid.any()
    assert_same_detections(a, detect(system, variables, poisoned, valid))


def test_a_reference_frame_inside_the_video_does_count():
    system, variables = tiny_system(reference_window=2)
    frames = jax.random.normal(jax.random.key(2), (5, HEIGHT, WIDTH, 3))
    a = detect(system, variables, frames, [True] * 5)
    b = detect(system, variables, frames.at[4].multiply(-3), [True] * 5)
    assert not np.array_equal(a.scores, b.scores)


def test_a_one_frame_video_is_its_own_reference():
    system, variables = tiny_system(reference_window=2)
    frame = jax.random.normal(jax.random.key(2), (1, HEIGHT, WIDTH, 3))
    alone = detect(
        system, variables, jnp.tile(frame, (5, 1, 1, 1)), [False, False, True, False, False]
    )
    repeated = detect(system, variables, jnp.tile(frame, (5, 1, 1, 1)), [True] * 5)
    np.testing.assert_array_equal(alone.valid, repeated.valid)
    np.testing.assert_allclose(alone.scores, repeated.scores, atol=1e-5)


def test_a_still_scene_keeps_its_identities():
    system, variables = tiny_system(calibrated=False, reference_window=0)
    frame = jax.random.normal(jax.random.key(3), (1, HEIGHT, WIDTH, 3))
    memory = system.apply(variables, 20, method="init_memory")
    step = jax.jit(
        lambda memory, first: system.apply(
            variables, memory, window(system, variables, frame, [True], first), method="step"
        )
    )
    seen = []
    for t in range(3):
        memory, output = step(memory, t == 0)
        seen.append(np.asarray(output.ids)[np.asarray(output.valid)].tolist())
    assert seen[0] == list(range(int(memory.count)))
    assert all(set(ids) <= set(seen[0]) and len(set(ids)) == len(ids) for ids in seen)


def test_the_losses_of_shards_add_up_to_those_of_the_batch():
    system, variables = tiny_system()
    batch, key = frame_pairs(num_pairs=4), jax.random.key(3)
    valid = np.array(batch.instances.valid)
    valid[0, 1:] = False  # so that the shards have different numbers of objects
    batch = batch.replace(instances=batch.instances.replace(valid=valid))

    def losses(rows, shard):
        return system.apply(variables, rows, key, shard, method="losses")[0]

    whole = jax.jit(lambda rows: losses(rows, WHOLE))(batch)
    shards = jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), batch)
    split = jax.vmap(lambda rows: losses(rows, Shard("data", 2)), axis_name="data")
    parts = jax.jit(split)(shards)
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name].sum(), value, rtol=1e-4, err_msg=name)
        assert parts[name][0] != parts[name][1]
