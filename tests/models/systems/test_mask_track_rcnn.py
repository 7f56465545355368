"""MaskTrack R-CNN with and without calibration: what training and inference promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import assert_same_detections, detect, random_frames
from models.poison import poison_instances
from models.tiny import frame_pairs, tiny_system, window
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


def test_frames_outside_the_video_do_not_count_whatever_they_hold():
    system, variables = tiny_system(reference_window=2)
    valid = [False, False, True, True, True]
    a = detect(system, variables, random_frames(), valid)
    assert a.valid.any()
    b = detect(system, variables, random_frames(), valid, outside=jnp.nan)
    assert_same_detections(a, b)


def test_a_reference_frame_inside_the_video_does_count():
    system, variables = tiny_system(reference_window=2)
    frames = random_frames()
    a = detect(system, variables, frames, [True] * 5)
    b = detect(system, variables, frames.at[4].set(255 - frames[4]), [True] * 5)
    assert not np.array_equal(a.scores, b.scores)


def test_a_one_frame_video_is_its_own_reference():
    system, variables = tiny_system(reference_window=2)
    frame = random_frames(1)
    alone = detect(
        system, variables, jnp.tile(frame, (5, 1, 1, 1)), [False, False, True, False, False]
    )
    repeated = detect(system, variables, jnp.tile(frame, (5, 1, 1, 1)), [True] * 5)
    np.testing.assert_array_equal(alone.valid, repeated.valid)
    np.testing.assert_allclose(alone.scores, repeated.scores, atol=1e-5)


def test_a_still_scene_keeps_its_identities():
    system, variables = tiny_system(calibrated=False, reference_window=0)
    frame = random_frames(1)
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
