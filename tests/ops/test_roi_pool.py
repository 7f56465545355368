"""The gradient of pooled RoIs, in every way, beside the transpose of the forward pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.float64 import float64

from ovis_jax.ops import implementations, roi_pool
from ovis_jax.ops.boxes import BoxConvention
from ovis_jax.ops.platforms import traced_for
from ovis_jax.ops.roi_align import roi_align

STRIDES, SIZES = (4, 8, 16), ((12, 20), (6, 10), (3, 5))
WAYS = {"scatter": roi_pool.by_scatter, "products": roi_pool.by_products}


def random_case(seed, dtype=np.float64):
    """Levels, RoIs also beyond the border, and a gradient of their 7x7 bins."""
    rng = np.random.default_rng(seed)
    pyramid = tuple(rng.normal(size=(*size, 3)).astype(dtype) for size in SIZES)
    low = rng.uniform(-40, 70, (9, 2))
    rois = np.concatenate([low, low + rng.uniform(-2, 110, (9, 2))], axis=1).astype(dtype)
    return pyramid, rois, rng.normal(size=(9, 7, 7, 3)).astype(dtype)


def gradient_of(way, pyramid, rois, cotangent, inclusive=False):
    def pooled(*levels):
        return roi_align(levels, STRIDES, rois, 7, convention=BoxConvention(inclusive))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(implementations, "roi_gradient", lambda dtype: way)
        out, pullback = jax.vjp(pooled, *map(jnp.asarray, pyramid))
        return out, pullback(jnp.asarray(cotangent))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**16), inclusive=st.booleans())
def test_every_way_is_the_transpose_of_the_forward_pass(seed, inclusive):
    with float64():
        pyramid, rois, cotangent = random_case(seed)
        found = [gradient_of(way, pyramid, rois, cotangent, inclusive) for way in WAYS.values()]
        for out, gradients in found:
            # The forward pass is linear in the maps: <gradient, maps> is <cotangent, output>.
            total = sum((g * x).sum() for g, x in zip(gradients, pyramid, strict=True))
            np.testing.assert_allclose(total, (out * cotangent).sum(), rtol=1e-9, atol=1e-9)
            for ours, theirs in zip(gradients, found[0][1], strict=True):
                np.testing.assert_allclose(ours, theirs, atol=1e-7)


def test_bfloat16_gradients_are_near_the_exact_ones():
    pyramid, rois, cotangent = random_case(0)
    rough = [x.astype(jnp.bfloat16) for x in map(jnp.asarray, (*pyramid, cotangent))]
    _, exact = gradient_of(
        roi_pool.by_scatter, *([np.float64(x) for x in rough[:3]], rois, np.float64(rough[3]))
    )
    for way in WAYS.values():
        _, gradients = gradient_of(way, rough[:3], rois, rough[3])
        for ours, want in zip(gradients, exact, strict=True):
            assert ours.dtype == jnp.bfloat16
            atol = 2**-6 * np.abs(want).max()
            np.testing.assert_allclose(np.float64(ours), want, atol=atol)


def test_frames_under_vmap_equal_one_at_a_time_as_products():
    cases = [random_case(seed, np.float32) for seed in (0, 1)]

    def gradient(pyramid, rois, cotangent):
        return gradient_of(roi_pool.by_products, pyramid, rois, cotangent)[1]

    stacked = jax.tree.map(lambda *x: jnp.stack(x), *cases)
    together = jax.vmap(gradient)(*stacked)
    for i, case in enumerate(cases):
        for ours, alone in zip(together, gradient(*case), strict=True):
            np.testing.assert_allclose(ours[i], alone, atol=1e-4)


def test_products_are_for_tpus_and_half_floats():
    with traced_for("tpu"):
        assert implementations.roi_gradient(jnp.bfloat16) is roi_pool.by_products
        assert implementations.roi_gradient(jnp.float32) is roi_pool.by_scatter
    with traced_for("gpu"):
        assert implementations.roi_gradient(jnp.bfloat16) is roi_pool.by_scatter
    assert implementations.roi_gradient(jnp.bfloat16) is roi_pool.by_scatter
