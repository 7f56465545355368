"""STMask: what training and inference promise where objects are few, many or tiny."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import random_frames
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, frame_pairs
from models.tiny_stmask import tiny_config, tiny_system
from models.total_loss import total_loss

from ovis_jax.inference.stream import VideoStream
from ovis_jax.models import stmask_pairs as pairs
from ovis_jax.models.build import build_system
from ovis_jax.structures import Window

SCALE = 0.5


def with_instances(batch, **fields):
    return batch.replace(instances=batch.instances.replace(**fields))


def finite(tree):
    return all(np.isfinite(x).all() for x in jax.tree.leaves(tree))


def test_pairs_without_shared_identities_move_nothing():
    batch = frame_pairs()
    other = batch.instances.identities.at[:, 1].add(100)
    (_, (losses, metrics)), gradient = total_loss(
        *tiny_system(), with_instances(batch, identities=other)
    )
    assert losses["box_shift"] == losses["mask_shift"] == 0 < losses["track"]
    assert metrics["positive_anchors"] > 0 and finite(gradient)


def test_objects_of_one_pixel_are_none_and_leave_losses_and_gradients_finite():
    batch = frame_pairs()
    boxes = batch.instances.boxes.at[:, :, 0].set(jnp.array([20.0, 20, 20, 20]))
    masks = np.zeros((2, 2, 5, HEIGHT, WIDTH), bool)
    masks[:, :, 0, 20, 20] = True
    pixel = jnp.asarray(np.packbits(masks, axis=-1))
    masks = jnp.where(jnp.arange(5)[:, None, None] == 0, pixel, batch.instances.masks)
    batch = with_instances(batch, boxes=boxes, masks=masks)
    instances = pairs.frame_instances(batch)
    assert not instances.valid[:, 0].any() and instances.valid[:, 1].all()
    (_, (losses, _)), gradient = total_loss(*tiny_system(), batch)
    assert losses["mask"] > 0 and finite((losses, gradient))


def test_positive_anchors_beyond_the_slots_are_counted_as_lost():
    batch = frame_pairs(num_valid=5)
    system, variables = tiny_system()
    few = system.clone(capacity=system.capacity.replace(positives=3))
    (_, (losses, metrics)), gradient = total_loss(few, variables, batch)
    assert metrics["lost_positives"] == metrics["positive_anchors"] - 3 > 0
    assert finite((losses, gradient))


def test_clips_that_are_no_whole_groups_are_refused():
    with pytest.raises(ValueError, match="3 clips are no whole groups of 2"):
        pairs.grouped(jnp.zeros((6, 4)), 2)
    assert pairs.grouped(jnp.zeros((6, 4)), 0).shape == (1, 6, 4)


@functools.cache
def outputs(tracks):
    system, variables = tiny_system()
    frames = np.array(random_frames(6))
    frames[3:] = frames[:3]
    stream = VideoStream(system, variables, chunk=3, tracks=tracks)
    found = [jax.device_get(chunk.frames) for chunk in stream(frames, IMAGE_SIZE, SCALE)]
    return jax.tree.map(lambda *x: np.concatenate(x), *found)


def test_objects_for_which_the_memory_has_no_slot_are_counted():
    many, few = outputs(20), outputs(2)
    assert many.overflow.sum() == 0 and len(set(many.ids[many.valid].tolist())) > 2
    assert few.overflow.sum() > 0 and set(few.ids[few.valid].tolist()) <= {0, 1}


def test_where_nothing_is_detected_objects_are_moved_and_fade():
    system, variables = tiny_system()
    frames = random_frames(2)
    size = jnp.float32(IMAGE_SIZE)

    @jax.jit
    def steps(variables):
        sizes = jnp.tile(size, (2, 1))
        features = system.apply(variables, frames, sizes, method="encode")
        memory = system.apply(variables, 20, None, method="init_memory")
        found = []
        for own, before, shown in ((0, 0, True), (1, 0, False), (1, 1, False)):
            both = jax.tree.map(lambda x, i=(before, own): x[np.array(i)], features)
            valid = both.detections.valid & shown
            both = both.replace(detections=both.detections.replace(valid=valid))
            window = Window(both, jnp.array([len(found) > 0, True]), size, jnp.float32(SCALE))
            memory, output = system.apply(variables, memory, window, method="step")
            found.append((memory, output))
        return found

    (first, seen), (second, _), (third, later) = jax.device_get(steps(variables))
    count = int(first.count)
    assert count == second.count == third.count > 0 and later.valid.any()
    assert (
        second.ages[:count].tolist() == [1] * count and third.ages[:count].tolist() == [2] * count
    )
    np.testing.assert_allclose(third.scores, 0.95**2 * first.scores, rtol=1e-5)
    assert (second.boxes[:count] != first.boxes[:count]).any(axis=1).all()
    assert (second.coefficients[:count] != first.coefficients[:count]).all()
    np.testing.assert_array_equal(third.embeddings, first.embeddings)
    assert seen.valid.sum() <= count


@pytest.mark.parametrize(
    ("field", "value"), [("data.inclusive_boxes", False), ("data.clip.in_order", False)]
)
def test_data_that_it_does_not_mean_are_refused(field, value):
    config = tiny_config().copy_and_resolve_references().unlock()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(ValueError, match=f"config.{field}: False, expected True"):
        build_system(config)
