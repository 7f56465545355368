"""RoIAlign over a pyramid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays
from ops.naive import naive_roi_align

from ovis_jax.ops.boxes import INCLUSIVE, BoxConvention
from ovis_jax.ops.roi_align import assign_levels, roi_align

STRIDES = (4, 8)


def random_pyramid():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(24 // 2**i, 32 // 2**i, 3)).astype(np.float32) for i in range(2)]


ROIS = np.array(
    [
        [3.0, 5.0, 40.5, 33.25],
        [-30.0, -20.0, 10.0, 8.0],
        [100.0, 60.0, 190.0, 170.0],
        [0.0, 0.0, 127.0, 95.0],
        [20.0, 20.0, 19.0, 19.0],
        [500.0, 500.0, 520.0, 530.0],
    ],
    np.float32,
)


@pytest.mark.parametrize("inclusive", [True, False])
def test_roi_align_follows_its_definition_also_at_and_beyond_the_border(inclusive):
    pyramid = random_pyramid()
    got = roi_align(
        [jnp.asarray(x) for x in pyramid], STRIDES, ROIS, 7, convention=BoxConvention(inclusive)
    )
    levels = assign_levels(jnp.asarray(ROIS), 2, convention=BoxConvention(inclusive))
    for roi, level, ours in zip(ROIS, levels, got, strict=True):
        want = naive_roi_align(pyramid[level], STRIDES[level], roi, 7, inclusive)
        np.testing.assert_allclose(ours, want, atol=1e-5)


@pytest.mark.parametrize("size", [7, 14])
def test_roi_align_equals_the_recorded_legacy_output(size):
    data = golden_arrays("cmasktrack_rcnn", "ops.npz")
    features, rois = data["roi_align/features"], data["roi_align/rois"]
    scale = golden_scale(data)
    for roi, want in zip(rois, data[f"roi_align/out{size}"], strict=True):
        level = jnp.asarray(np.moveaxis(features[int(roi[0])], 0, -1))
        ours = roi_align([level], [scale], jnp.asarray(roi[None, 1:]), size, convention=INCLUSIVE)[
            0
        ]
        np.testing.assert_allclose(np.moveaxis(ours, -1, 0), want, atol=1e-5)


def golden_scale(data):
    """Stride of the recorded map, the one of the model's that explains the first output."""
    features = np.moveaxis(data["roi_align/features"], 1, -1).astype(np.float64)
    roi, want = data["roi_align/rois"][0], np.moveaxis(data["roi_align/out7"][0], 0, -1)
    fits = [
        stride
        for stride in (4, 8, 16, 32)
        if np.allclose(
            naive_roi_align(features[int(roi[0])], stride, roi[1:], 7, True), want, atol=1e-4
        )
    ]
    assert len(fits) == 1
    return fits[0]


def test_areas_of_twice_the_finest_size_go_up_one_level():
    sides = np.array([10, 111, 112, 223, 224, 447, 448, 5000], np.float32)
    rois = np.stack([0 * sides, 0 * sides, sides - 1, sides - 1], -1)
    levels = assign_levels(jnp.asarray(rois), 4, convention=INCLUSIVE)
    np.testing.assert_array_equal(levels, [0, 0, 1, 1, 2, 2, 3, 3])


def test_the_gradient_is_the_transpose_of_the_forward_pass():
    pyramid = [jnp.asarray(x) for x in random_pyramid()]
    out, pullback = jax.vjp(lambda p: roi_align(p, STRIDES, ROIS, 7, convention=INCLUSIVE), pyramid)
    cotangent = jax.random.normal(jax.random.key(0), out.shape)
    (gradient,) = pullback(cotangent)
    for i, level in enumerate(pyramid):
        probe = jax.random.normal(jax.random.key(i), level.shape)
        probes = [probe if j == i else jnp.zeros_like(x) for j, x in enumerate(pyramid)]
        change = roi_align(
            probes, STRIDES, ROIS, 7, convention=INCLUSIVE
        )  # the op is linear in the maps
        np.testing.assert_allclose(
            (gradient[i] * probe).sum(), (change * cotangent).sum(), rtol=1e-4
        )


def test_a_roi_that_is_not_a_number_touches_neither_the_others_nor_the_gradient():
    pyramid = [jnp.asarray(x) for x in random_pyramid()]
    poisoned = ROIS.copy()
    poisoned[1] = np.nan

    def others(p, rois):
        return jnp.delete(roi_align(p, STRIDES, rois, 7, convention=INCLUSIVE), 1, axis=0)

    for rois in (ROIS, poisoned):
        assert np.isfinite(others(pyramid, rois)).all()
    gradients = [
        jax.grad(lambda p, rois=rois: (others(p, rois) ** 2).sum())(pyramid)
        for rois in (ROIS, poisoned)
    ]
    jax.tree.map(np.testing.assert_array_equal, *gradients)


def test_every_level_needs_its_stride():
    with pytest.raises(ValueError, match="stride"):
        roi_align([jnp.asarray(x) for x in random_pyramid()], (4,), ROIS, 7, convention=INCLUSIVE)


def test_bfloat16_pyramids_are_summed_in_float32():
    pyramid = [jnp.asarray(x, jnp.bfloat16) for x in random_pyramid()]

    def run(levels):
        return jax.vjp(lambda p: roi_align(p, STRIDES, ROIS, 7, convention=INCLUSIVE), levels)

    got, pullback = run(pyramid)
    want, exact_pullback = run([x.astype(jnp.float32) for x in pyramid])
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(got.astype(np.float32), want, rtol=2**-8, atol=1e-6)
    ours, theirs = pullback(jnp.ones_like(got))[0], exact_pullback(jnp.ones_like(want))[0]
    for level, exact in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(level.astype(np.float32), exact, rtol=2**-8, atol=1e-6)


def test_many_frames_under_vmap_equal_one_at_a_time():
    frames = [jnp.stack([x, -2 * x]) for x in map(jnp.asarray, random_pyramid())]
    rois = jnp.stack([jnp.asarray(ROIS), ROIS[::-1]])

    def score(p, r):
        return (roi_align(p, STRIDES, r, 7, convention=INCLUSIVE) ** 2).sum()

    together = jax.vmap(jax.value_and_grad(score))(frames, rois)
    for i in range(2):
        alone = jax.value_and_grad(score)([x[i] for x in frames], rois[i])
        for ours, one in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(ours[i], one, rtol=1e-4, atol=1e-4)


def test_boxes_receive_no_gradient():
    pyramid = [jnp.asarray(x) for x in random_pyramid()]
    gradient = jax.grad(lambda r: roi_align(pyramid, STRIDES, r, 7, convention=INCLUSIVE).sum())(
        jnp.asarray(ROIS)
    )
    np.testing.assert_array_equal(gradient, 0)
