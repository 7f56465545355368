"""CrossVIS with and without calibration: what training and inference promise."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import assert_same_detections, detect, random_frames
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, frame_pairs
from models.tiny_crossvis import tiny_system
from models.tiny_systems import SYSTEMS
from models.total_loss import total_loss

from ovis_jax.models import crossvis_pairs as pairs
from ovis_jax.models.batch_norm import RUNNING_STATS
from ovis_jax.models.heads.fcos import FCOSTargets
from ovis_jax.ops.row_keys import RowKeys


def with_instances(batch, **fields):
    return batch.replace(instances=batch.instances.replace(**fields))


def finite(tree):
    return all(np.isfinite(x).all() for x in jax.tree.leaves(tree))


def test_pairs_without_shared_identities_have_no_crossover_loss():
    batch = frame_pairs()
    identities = batch.instances.identities.at[:, 1].add(batch.instances.valid.shape[-1])
    identities = identities % 7
    shown = batch.instances.valid & (jnp.arange(5) < 2)
    other = with_instances(batch, identities=identities, valid=shown)
    (_, (losses, metrics)), gradient = total_loss(*tiny_system(), other)
    assert metrics["positive_points"] > 0 and metrics["shared_points"] == 0
    assert losses["crossover_query"] == losses["crossover_reference"] == 0
    assert losses["mask_query"] > 0 and losses["identity"] > 0 and finite(gradient)


def test_objects_of_one_pixel_leave_losses_and_gradients_finite():
    batch = frame_pairs()
    boxes = jnp.tile(jnp.array([20.0, 20, 21, 21]), (2, 2, 5, 1))
    masks = np.zeros((2, 2, 5, HEIGHT, WIDTH), bool)
    masks[..., 20, 20] = True
    masks = jnp.asarray(np.packbits(masks, axis=-1))
    (_, (losses, metrics)), gradient = total_loss(
        *tiny_system(), with_instances(batch, boxes=boxes, masks=masks)
    )
    # A point is positive strictly inside of a box only: none stands inside of one pixel.
    assert metrics["positive_points"] == 0 and losses["class_query"] > 0
    assert finite((losses, gradient))
    boxes = boxes.at[..., 2:].set(20.5).at[..., :2].set(19.5)  # around the point (20, 20)
    (_, (losses, metrics)), gradient = total_loss(
        *tiny_system(), with_instances(batch, boxes=boxes, masks=masks)
    )
    assert metrics["positive_points"] == 1 and losses["box_query"] > 0
    assert finite((losses, gradient))


@pytest.mark.parametrize("lost", ["mask", "box"])
def test_objects_without_a_pixel_or_a_side_are_none(lost):
    batch = frame_pairs()
    if lost == "mask":
        batch = with_instances(batch, masks=jnp.zeros_like(batch.instances.masks))
    else:
        outside = batch.instances.boxes + 10 * WIDTH
        batch = with_instances(batch, boxes=outside)
    assert not jax.jit(pairs.pair_instances)(batch).valid.any()


def test_every_positive_point_has_a_slot():
    system, variables = tiny_system()
    batch = frame_pairs(num_valid=5)
    (_, (_, metrics)), _ = total_loss(system, variables, batch)
    assert 0 == metrics["lost_positives"] < metrics["positive_points"]
    assert system.num_positives(batch) == 2 * 9 * 5


def test_positive_points_beyond_the_slots_are_counted_as_lost():
    targets = FCOSTargets(
        positive=jnp.arange(10)[None] % 3 == 0,
        labels=jnp.zeros((1, 10), jnp.int32),
        index=jnp.arange(10)[None],
        distances=jnp.ones((1, 10, 4)),
        centerness=jnp.ones((1, 10)),
    )
    few, many = jax.jit(lambda own: [pairs.positive_points(own, slots) for slots in (3, 12)])(
        targets
    )
    np.testing.assert_array_equal(few.point[0], [0, 3, 6])
    assert many.valid.shape == (1, 12) and many.valid.sum() == 4


@functools.cache
def drawn(draw):
    """Losses where every point draws this number, and the running statistics after them."""
    system, variables = tiny_system()
    draws = jnp.full((2, 2, system.num_positives(frame_pairs())), draw, jnp.uint32)
    return drawn_losses(variables, draws)


@jax.jit
def drawn_losses(variables, draws):
    (losses, _), moved = tiny_system()[0].apply(
        variables, frame_pairs(), draws, method="drawn_losses", mutable=[RUNNING_STATS]
    )
    return {name: mean.value for name, mean in losses.items()}, moved


@pytest.mark.exhaustive
def test_draws_decide_the_crossover_loss_and_nothing_else():
    (a, _), (b, _) = drawn(0), drawn(1)
    changed = {name for name in a if a[name] != b[name]}
    assert changed == {"crossover_query", "crossover_reference"}


@pytest.mark.exhaustive
def test_training_moves_the_running_statistics_and_prediction_reads_them():
    system, variables = tiny_system()
    after = variables | drawn(0)[1]
    before, later = (jax.tree.leaves(x[RUNNING_STATS]) for x in (variables, after))
    assert before and all(not np.array_equal(a, b) for a, b in zip(before, later, strict=True))
    frames = random_frames()
    before, later = (detect(system, x, frames, [True] * 5) for x in (variables, after))
    np.testing.assert_array_equal(before.boxes, later.boxes)
    assert np.abs(before.embeddings - later.embeddings)[before.valid].max() > 1e-4


def test_without_crossover_no_mask_is_drawn_in_the_other_frame():
    system, variables = tiny_system()
    keys = RowKeys.of(jax.random.key(0), 2)

    def names(system):
        return set(
            jax.eval_shape(lambda: system.apply(variables, frame_pairs(), keys, method="losses"))[0]
        )

    left = names(system) - names(system.clone(crossover=False))
    assert left == {"crossover_query", "crossover_reference"}


def test_a_part_of_the_gradient_passes_through_the_same_numbers():
    x = {"level": jnp.array([1.5, -3.0])}
    value, pullback = jax.vjp(lambda tree: pairs.slowed(tree, 0.25), x)
    np.testing.assert_array_equal(value["level"], x["level"])
    (gradient,) = pullback({"level": jnp.array([4.0, 8.0])})
    np.testing.assert_array_equal(gradient["level"], [1.0, 2.0])


def test_masks_are_drawn_on_the_whole_canvas():
    found = detect(*tiny_system(), random_frames(), [True] * 5)
    assert found.valid.any()
    assert found.mask_logits.shape[1:] == (HEIGHT // 4, WIDTH // 4)
    np.testing.assert_array_equal(found.mask_boxes[0], [0, 0, 2 * WIDTH, 2 * HEIGHT])
    assert np.ptp(np.asarray(found.mask_logits)[found.valid]) > 1e-3


def test_embeddings_are_those_of_the_query_alone():
    system, variables = tiny_system()
    frames = random_frames()
    found = detect(system, variables, frames, [True] * 5)

    @jax.jit
    def of_all_points(frame):
        def embeddings(system):
            return system.reid(system.encode(frame, jnp.array([IMAGE_SIZE])))

        return system.apply(variables, method=embeddings)

    every = np.asarray(of_all_points(frames[2:3]))[0]
    for own in np.asarray(found.embeddings)[found.valid]:
        assert np.abs(every - own).max(axis=1).min() < 1e-5


@functools.cache
def calibrated():
    return tiny_system(calibrated=True)


def test_calibrated_detections_depend_on_the_frames_inside_the_video_alone():
    frames, valid = random_frames(), [False, True, True, True, True]
    a = detect(*calibrated(), frames, valid)
    b = detect(*calibrated(), frames, valid, outside=jnp.nan)
    assert a.valid.any()
    assert_same_detections(a, b)
    c = detect(*calibrated(), frames.at[4].set(255 - frames[4]), valid)
    assert not np.array_equal(a.scores, c.scores)


@jax.jit
@jax.grad
def gradient_of_calibration(own, variables, batch):
    """That of the classes of the query: other parts learn as without calibration."""
    params = variables["params"] | {"calibration": own}
    keys = RowKeys.of(jax.random.key(1), len(batch.sample))
    losses, _ = calibrated()[0].apply(variables | {"params": params}, batch, keys, method="losses")
    return losses["class_query"].value


@pytest.mark.exhaustive
def test_the_calibration_learns():
    _, variables = calibrated()
    assert set(variables["params"]) == SYSTEMS["crossvis"].parts | {"calibration"}
    own = variables["params"]["calibration"]
    gradient = gradient_of_calibration(own, variables, frame_pairs())
    assert finite(gradient)
    assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(gradient)) > 0
