"""What every system promises that calibrates with the frames around: in training, at inference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import assert_same_detections, detect, random_frames
from models.tiny import frame_pairs, window
from models.tiny_systems import CALIBRATED, SYSTEMS
from models.total_loss import assert_every_part_learns, total_loss


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


@pytest.mark.parametrize(
    "name",
    [
        "mask_track_rcnn",
        pytest.param("sipmask", marks=pytest.mark.exhaustive),  # also in tests/golden/sipmask
    ],
)
def test_every_part_learns_without_calibration(name):
    (total, _), gradient = total_loss(*SYSTEMS[name].build(calibrated=False), frame_pairs())
    assert np.isfinite(total)
    assert_every_part_learns(gradient, SYSTEMS[name].parts - {"calibration"})


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
