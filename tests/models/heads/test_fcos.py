import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ovis_jax.models.feature_align import FeatureAlignment
from ovis_jax.models.heads.fcos import REGRESS_RANGES, STRIDES, FCOSHead, fcos_targets
from ovis_jax.ops.points import grid_points
from ovis_jax.structures import Instances

SIZES = ((8, 8), (4, 4), (2, 2), (1, 1), (1, 1))


def head(align: nn.Module | None = None, **settings) -> FCOSHead:
    return FCOSHead(num_classes=3, align=align, channels=16, class_convs=1, box_convs=1, **settings)


def pyramid() -> list[jax.Array]:
    return [jax.random.normal(jax.random.key(i), (1, *size, 16)) for i, size in enumerate(SIZES)]


def points() -> list[np.ndarray]:
    return [grid_points(*size, stride) for size, stride in zip(SIZES, STRIDES, strict=True)]


def instances(boxes) -> Instances:
    count = len(boxes)
    return Instances(
        boxes=jnp.asarray(boxes, jnp.float32),
        labels=jnp.arange(count),
        identities=jnp.arange(count),
        masks=None,
        valid=jnp.ones(count, bool),
    )


def test_without_an_alignment_classes_are_read_from_the_tower_and_no_parameter_is_its():
    plain, aligned = (
        jax.eval_shape(head(align).init, jax.random.key(0), pyramid())["params"]
        for align in (None, FeatureAlignment(groups=2))
    )
    assert set(aligned.pop("align")) == {"offset", "conv", "norm"}
    assert plain == aligned
    params = jax.tree.map(lambda x: jnp.full(x.shape, 0.1), plain)

    @jax.jit
    def class_features(params):
        def both(module):
            return module.level(pyramid()[0], 0)[3], module.class_tower(pyramid()[0])

        return head().apply({"params": params}, method=both)

    features, tower = class_features(params)
    assert features.any()
    np.testing.assert_allclose(features, tower, atol=1e-6)


@pytest.mark.parametrize("radius", [0.5, 1.5, 2.5])
def test_positive_points_lie_in_the_range_of_their_level_and_near_the_centre(radius):
    ranges = ((0, 20), (20, 40), (40, 60), (60, 80), (80, 100))
    box = np.array([10.0, 6, 54, 58])  # its centre lies between the points of the second level
    targets = fcos_targets(points(), instances([box]), radius=radius, regress_ranges=ranges)
    want = []
    for level, stride, (low, high) in zip(points(), STRIDES, ranges, strict=True):
        for point in level:
            distances = np.concatenate([point - box[:2], box[2:] - point])
            near = np.abs(point - (box[:2] + box[2:]) / 2).max() < radius * stride
            want.append(bool(near and distances.min() > 0 and low <= distances.max() <= high))
    np.testing.assert_array_equal(targets.positive, want)
    assert any(want) == (radius > 1)


@pytest.mark.parametrize("ranges", [REGRESS_RANGES[:4], (64, 128, 256, 512, 1e8)])
def test_ranges_that_do_not_fit_the_levels_are_refused(ranges):
    with pytest.raises(ValueError, match="regress_ranges is .*; expected 5 pairs"):
        jax.eval_shape(head(regress_ranges=ranges).init, jax.random.key(0), pyramid())
