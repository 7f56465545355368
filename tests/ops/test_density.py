import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.boxes import INCLUSIVE, BoxConvention
from ovis_jax.ops.density import density_at, object_densities

densities_of = jax.jit(object_densities, static_argnames="convention")
density_of = jax.jit(density_at, static_argnames="convention")


def naive_iou(a, b, end):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    overlap = np.prod(np.maximum(high - low + end, 0))
    return overlap / (np.prod(a[2:] - a[:2] + end) + np.prod(b[2:] - b[:2] + end) - overlap)


def naive_densities(objects, valid, end):
    """Object after object: its largest overlap with any other one."""
    return [
        max([naive_iou(a, b, end) for j, b in enumerate(objects) if j != i and valid[j]], default=0)
        if valid[i]
        else 0
        for i, a in enumerate(objects)
    ]


def random_boxes(rng, count):
    low = rng.integers(0, 30, (count, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 20, (count, 2))], axis=1)
    return boxes.astype(np.float32)


@pytest.mark.parametrize("inclusive", [True, False])
@settings(max_examples=30)
@given(seed=st.integers(0, 2**31))
def test_a_box_has_the_density_of_the_object_that_it_overlaps_most(inclusive, seed):
    rng, end = np.random.default_rng(seed), float(inclusive)
    objects, boxes, valid = random_boxes(rng, 5), random_boxes(rng, 12), rng.random(5) < 0.7
    wide = objects.astype(np.float64), boxes.astype(np.float64)
    densities = naive_densities(wide[0], valid, end)
    want = []
    for box in wide[1]:
        overlaps = [naive_iou(box, own, end) if valid[i] else 0 for i, own in enumerate(wide[0])]
        want.append(densities[int(np.argmax(overlaps))] if max(overlaps) > 0 else 0)
    objects[~valid] = np.nan
    rule = BoxConvention(inclusive)
    got = densities_of(objects, valid, convention=rule)
    np.testing.assert_allclose(got, densities, rtol=1e-6)
    got = density_of(boxes, objects, valid, convention=rule)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_an_object_alone_has_no_density():
    box = np.float32([[2, 2, 9, 9], [2, 2, 9, 9]])
    assert densities_of(box, np.array([True, False]), convention=INCLUSIVE).tolist() == [0, 0]
    assert densities_of(box, np.array([True, True]), convention=INCLUSIVE).tolist() == [1, 1]
