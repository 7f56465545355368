"""What every system promises that calibrates with the frames around: in training, at inference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import assert_same_detections, detect, random_frames
from models.poison import poison_instances
from models.tiny import frame_pairs, window
from models.tiny_systems import CALIBRATED, SYSTEMS
from models.total_loss import assert_every_part_learns, total_loss

from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys


@pytest.fixture(params=CALIBRATED)
def name(request):
    return request.param


@pytest.fixture
def model(name):
    """A system that reads two frames on either side, and its variables."""
    return SYSTEMS[name].build()


def identities(system, variables, frames, valid):
    """Ids of the objects of three equal windows."""
    memory = system.apply(variables, 20, None, method="init_memory")

    @jax.jit
    def step(memory):
        own = window(system, variables, frames, valid)
        return system.apply(variables, memory, own, method="step")

    for _ in range(3):
        memory, output = step(memory)
        yield np.asarray(output.ids)[np.asarray(output.valid)].tolist()


def test_every_loss_is_finite_and_every_part_receives_a_gradient(name, model):
    (total, (losses, _)), gradient = total_loss(*model, frame_pairs())
    assert set(losses) == SYSTEMS[name].losses and all(x > 0 for x in losses.values())
    assert np.isfinite(total)
    assert_every_part_learns(gradient, SYSTEMS[name].parts)


def test_every_part_learns_without_calibration(name):
    (total, _), gradient = total_loss(*SYSTEMS[name].build(calibrated=False), frame_pairs())
    assert np.isfinite(total)
    assert_every_part_learns(gradient, SYSTEMS[name].parts - {"calibration"})


def test_what_stands_in_invalid_instance_slots_changes_no_loss_and_no_gradient(model):
    batch = frame_pairs()
    clean = total_loss(*model, batch)
    poisoned = total_loss(*model, poison_instances(batch))
    jax.tree.map(np.testing.assert_array_equal, clean, poisoned)


def test_a_frame_without_objects_trains_the_background_only(name, model):
    batch = frame_pairs()
    empty = jnp.zeros_like(batch.instances.valid)
    batch = batch.replace(instances=batch.instances.replace(valid=empty))
    (_, (losses, _)), gradient = total_loss(*model, batch)
    assert {loss for loss, value in losses.items() if value != 0} == SYSTEMS[name].background_losses
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((losses, gradient)))


@pytest.mark.slow
def test_losses_and_metrics_of_parts_add_up_to_those_of_the_batch(model):
    system, variables = model
    batch, key = frame_pairs(num_pairs=4), jax.random.key(3)
    valid = np.array(batch.instances.valid)
    valid[0, 0, 1:] = False  # so that the parts have different numbers of objects
    batch = batch.replace(instances=batch.instances.replace(valid=valid))

    def losses(rows):
        own = jax.tree.map(lambda x: x[rows], batch)
        return system.apply(variables, own, RowKeys(key, rows), method="losses")

    whole = jax.jit(losses)(jnp.arange(4))
    first, second = jax.jit(lambda: [losses(rows) for rows in (jnp.arange(2), jnp.arange(2, 4))])()
    is_mean = {"is_leaf": lambda x: isinstance(x, Mean)}
    together = jax.tree.map(lambda a, b: (a + b).value, first, second, **is_mean)
    values = jax.tree.map(lambda mean: mean.value, whole, **is_mean)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), together, values)
    assert all(first[0][loss].value != second[0][loss].value for loss in whole[0])


def test_frames_outside_the_video_do_not_count_whatever_they_hold(model):
    valid = [False, False, True, True, True]
    a = detect(*model, random_frames(), valid)
    assert a.valid.any()
    b = detect(*model, random_frames(), valid, outside=jnp.nan)
    assert_same_detections(a, b)


def test_a_reference_frame_inside_the_video_does_count(model):
    frames = random_frames()
    a = detect(*model, frames, [True] * 5)
    b = detect(*model, frames.at[4].set(255 - frames[4]), [True] * 5)
    assert not np.array_equal(a.scores, b.scores)


def test_frames_around_the_query_count_for_nothing_without_calibration(name):
    model, frames = SYSTEMS[name].build(calibrated=False), random_frames()
    a = detect(*model, frames, [True] * 5)
    b = detect(*model, (255 - frames).at[2].set(frames[2]), [True] * 5)
    assert a.valid.any()
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_one_frame_video_is_its_own_reference(model):
    same = jnp.tile(random_frames(1), (5, 1, 1, 1))
    alone = detect(*model, same, [False, False, True, False, False])
    repeated = detect(*model, same, [True] * 5)
    np.testing.assert_array_equal(alone.valid, repeated.valid)
    np.testing.assert_allclose(alone.scores, repeated.scores, atol=1e-5)


def test_detections_without_a_slot_are_the_worst_ones_and_are_counted(model):
    system, variables = model
    few = system.clone(capacity=system.capacity.replace(detections=2))
    a = detect(system, variables, random_frames(), [True] * 5)
    b = detect(few, variables, random_frames(), [True] * 5)
    best = np.sort(a.scores[a.valid])[::-1]
    assert len(best) > 2
    np.testing.assert_array_equal(np.sort(b.scores[b.valid])[::-1], best[:2])
    assert b.overflow == a.overflow + len(best) - 2


@pytest.mark.slow
def test_a_still_scene_keeps_its_identities(model):
    still = jnp.tile(random_frames(1), (5, 1, 1, 1))
    first, *later = identities(*model, still, [True] * 5)
    assert first and first == list(range(len(first)))
    assert all(set(ids) <= set(first) and len(set(ids)) == len(ids) for ids in later)
