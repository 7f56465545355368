"""Repulsion and aggregation against their definitions in float64, and finite differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.heads.box import DELTA_STDS, BoxTargets
from ovis_jax.models.occlusion_losses import (
    OcclusionLosses,
    aggregation,
    occlusion_losses,
    other_repulsion,
    pair_repulsion,
    smooth_ln,
)
from ovis_jax.ops.boxes import EXCLUSIVE, INCLUSIVE
from ovis_jax.structures import Instances

CONVENTIONS = pytest.mark.parametrize("convention", [INCLUSIVE, EXCLUSIVE])
OTHER_SIGMA, PAIR_SIGMA = 0.6, 0.2


def crowd(seed=0, rois=7, objects=4):
    """Boxes of objects that overlap, RoIs and predictions near them; a slot of each is poisoned."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 30, (objects, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(15, 40, (objects, 2))], -1)
    index = rng.integers(0, objects - 1, rois).astype(np.int32)
    anchors = boxes[index] + rng.uniform(-4, 4, (rois, 4))
    predicted = anchors + rng.uniform(-3, 3, (rois, 4))
    valid, positive = np.arange(objects) < objects - 1, np.arange(rois) < rois - 1
    boxes[~valid] = predicted[~positive] = np.nan
    return dict(
        boxes=boxes, index=index, rois=anchors, predicted=predicted, valid=valid, positive=positive
    )


def instances(case) -> Instances:
    number = len(case["valid"])
    return Instances(
        boxes=jnp.asarray(case["boxes"], jnp.float32),
        labels=jnp.zeros(number, jnp.int32),
        identities=jnp.arange(number),
        masks=jnp.zeros((number, 8, 1), jnp.uint8),
        valid=jnp.asarray(case["valid"]),
    )


def overlap(a, b, more):
    sides = [max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i]) + more) for i in range(2)]
    return sides[0] * sides[1]


def area(a, more):
    return max(0.0, a[2] - a[0] + more) * max(0.0, a[3] - a[1] + more)


def iou(a, b, more):
    shared = overlap(a, b, more)
    return shared / (area(a, more) + area(b, more) - shared)


def ln(x, sigma):
    return -np.log(1 - x) if x <= sigma else (x - sigma) / (1 - sigma) - np.log(1 - sigma)


def naive_others(case, more):
    total = 0.0
    for r in np.flatnonzero(case["positive"]):
        overlaps = {
            n: iou(case["rois"][r], case["boxes"][n], more)
            for n in np.flatnonzero(case["valid"])
            if n != case["index"][r]
        }
        other = max(overlaps, key=overlaps.get)
        if overlaps[other] > 0:
            box = case["boxes"][other]
            total += ln(overlap(case["predicted"][r], box, more) / area(box, more), OTHER_SIGMA)
    return total, case["positive"].sum()


def naive_pairs(case, more):
    total, count = 0.0, 0
    slots = np.flatnonzero(case["positive"])
    for i in slots:
        for j in slots[slots > i]:
            if case["index"][i] != case["index"][j]:
                shared = iou(case["predicted"][i], case["predicted"][j], more)
                total, count = total + ln(shared, PAIR_SIGMA), count + (shared > 0)
    return total, count


def others(case, convention):
    arguments = (case[name] for name in ("predicted", "rois", "index", "positive", "instances"))
    return other_repulsion(*arguments, sigma=OTHER_SIGMA, convention=convention)


def pairs(case, convention):
    arguments = (case[name] for name in ("predicted", "index", "positive"))
    return pair_repulsion(*arguments, sigma=PAIR_SIGMA, convention=convention)


@functools.cache
def compiled(convention):
    """Total and count of both losses, and the gradients of the totals by the predictions."""

    def found(case):
        totals = {}
        for loss in (others, pairs):

            def total(predicted, loss=loss):
                mean = loss(case | {"predicted": predicted}, convention)
                return mean.total, mean.count

            totals[loss.__name__] = jax.value_and_grad(total, has_aux=True)(case["predicted"])
        return totals

    return jax.jit(found)


def results(case, convention):
    arrays = {
        name: jnp.asarray(value, jnp.float32 if value.dtype == float else value.dtype)
        for name, value in case.items()
    }
    return compiled(convention)(arrays | {"instances": instances(case)})


@CONVENTIONS
def test_repulsion_follows_its_definition_and_its_gradient_the_differences(convention):
    more = int(convention.inclusive)
    for seed in range(3):
        case = crowd(seed)
        found = results(case, convention)
        for name, naive in (("others", naive_others), ("pairs", naive_pairs)):
            (got, got_count), gradient = found[name]
            total, count = naive(case, more)
            assert total > 0 and got_count == count
            np.testing.assert_allclose(got, total, rtol=1e-5)
            gradient = np.asarray(gradient)
            assert not gradient[~case["positive"]].any()
            for place in [(0, 0), (1, 2), (3, 1), (5, 3)]:
                sides = []
                for step in (1e-5, -1e-5):
                    moved = case | {"predicted": case["predicted"].copy()}
                    moved["predicted"][place] += step
                    sides.append(naive(moved, more)[0])
                want = (sides[0] - sides[1]) / 2e-5
                np.testing.assert_allclose(gradient[place], want, rtol=1e-3, atol=1e-5)


def test_an_object_alone_is_repelled_by_nothing():
    case = crowd() | {"valid": np.array([True, False, False, False])}
    case["index"] = np.zeros_like(case["index"])
    for (total, _), gradient in results(case, INCLUSIVE).values():
        assert total == 0 and not gradient.any()


def test_smooth_ln_is_the_logarithm_and_then_its_tangent():
    x = np.array([0.0, 0.3, 0.5, 0.7, 1.0])
    want = [ln(value, 0.5) for value in x]
    np.testing.assert_allclose(smooth_ln(jnp.asarray(x), 0.5), want, rtol=1e-6)
    slope = jax.jit(jax.vmap(jax.grad(lambda value: smooth_ln(value, 0.5))))(jnp.asarray(x))
    np.testing.assert_allclose(slope, [1, 1 / 0.7, 2, 2, 2], rtol=1e-6)


def test_aggregation_is_that_of_the_mean_error_of_each_object_with_several_rois():
    rng = np.random.default_rng(1)
    deltas, targets = rng.normal(0, 2, (2, 6, 4))
    index = np.array([2, 0, 2, 1, 2, 0], np.int32)
    positive = np.array([True, True, True, True, True, False])  # object 0 has one left
    deltas[5] = np.nan

    def naive(deltas):
        error = np.abs((deltas - targets)[[0, 2, 4]].mean(0))
        return np.where(error < 1, error**2 / 2, error - 0.5).sum()

    def loss(deltas):
        mean = aggregation(deltas, jnp.asarray(targets), index, positive, num_objects=3)
        return mean.total, mean.count

    (got, count), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(jnp.asarray(deltas))
    assert count == 1
    gradient = np.asarray(gradient)
    np.testing.assert_allclose(got, naive(deltas), rtol=1e-5)
    assert not gradient[[1, 3, 5]].any()
    for place in [(0, 0), (2, 1), (4, 2), (4, 3)]:
        steps = [np.zeros_like(deltas) for _ in range(2)]
        steps[0][place], steps[1][place] = 1e-5, -1e-5
        want = (naive(deltas + steps[0]) - naive(deltas + steps[1])) / 2e-5
        np.testing.assert_allclose(gradient[place], want, rtol=1e-4, atol=1e-6)


def batch_of_two():
    """Cases, deltas of their predictions, targets and instances of a batch."""
    cases = [crowd(seed) for seed in (0, 1)]
    encode = jax.jit(lambda *boxes: INCLUSIVE.encode(*boxes, stds=DELTA_STDS))
    encoded = [np.asarray(encode(case["rois"], case["predicted"])) for case in cases]
    deltas = np.zeros((2, 7, 3, 4), np.float32)
    deltas[:, :, 2] = encoded
    ones = np.full((2, 7), 2, np.int32)
    targets = BoxTargets(
        boxes=jnp.asarray([case["rois"] for case in cases], jnp.float32),
        classes=jnp.asarray(ones),
        index=jnp.asarray([case["index"] for case in cases]),
        deltas=jnp.zeros((2, 7, 4)),
        positive=jnp.asarray([case["positive"] for case in cases]),
        valid=jnp.ones((2, 7), bool),
    )
    batch = jax.tree.map(lambda *x: jnp.stack(x), *map(instances, cases))
    return cases, jnp.asarray(deltas), targets, batch


def test_a_batch_has_the_sums_over_its_images_times_the_factors():
    cases, deltas, targets, batch = batch_of_two()
    settings = OcclusionLosses(0.5, 2.0, OTHER_SIGMA, PAIR_SIGMA)
    got = jax.jit(lambda *arrays: occlusion_losses(settings, *arrays, INCLUSIVE))(
        deltas, targets, batch
    )
    assert set(got) == {"repulsion_others", "repulsion_pairs", "aggregation"}
    for name, naive in (("repulsion_others", naive_others), ("repulsion_pairs", naive_pairs)):
        sums = np.sum([naive(case, 1) for case in cases], axis=0)
        np.testing.assert_allclose(got[name].total, 0.5 * sums[0], rtol=1e-4)
        assert got[name].count == sums[1]
    assert got["aggregation"].total > 0 and np.isfinite(got["aggregation"].total)
    assert not occlusion_losses(OcclusionLosses(), deltas, targets, batch, INCLUSIVE)
