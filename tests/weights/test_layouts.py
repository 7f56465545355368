"""Changes of layout, by their definitions."""

import numpy as np
import pytest

from ovis_jax.weights import layouts

STD = np.float32([58.395, 57.12, 57.375])
LAYOUTS = {
    "same": (layouts.same, (5,)),
    "convolution": (layouts.convolution, (5, 4, 3, 2)),
    "pointwise": (layouts.pointwise, (5, 4, 1, 1)),
    "transposed_convolution": (layouts.transposed_convolution, (5, 4, 3, 2)),
    "pointwise_last": (layouts.pointwise_last, (1, 1, 4, 5)),
    "depthwise_last": (layouts.depthwise_last, (3, 3, 5, 1)),
    "linear": (layouts.linear, (5, 4)),
    "roi_linear": (layouts.roi_linear(2), (5, 12)),
    "bgr_convolution": (layouts.bgr_convolution(STD), (5, 3, 2, 2)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_there_and_back_is_the_same(name):
    layout, shape = LAYOUTS[name]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(layout.theirs(layout(x)), x, rtol=1e-6)
    assert layout.their_shape(layout(x).shape) == shape


def test_axes_follow_their_definition():
    x = np.random.default_rng(0).normal(size=(5, 4, 3, 2))
    for out, inside, row, column in np.ndindex(x.shape):
        want = x[out, inside, row, column]
        assert layouts.convolution(x)[row, column, inside, out] == want
        assert layouts.transposed_convolution(x)[row, column, out, inside] == want
    assert layouts.pointwise(x[..., :1, :1])[3, 4] == x[4, 3, 0, 0]
    assert layouts.linear(x[..., 0, 0])[3, 4] == x[4, 3, 0, 0]


def test_roi_features_are_flattened_channels_first_there_and_last_here():
    rng = np.random.default_rng(0)
    weight, roi = rng.normal(size=(5, 3 * 2 * 2)), rng.normal(size=(3, 2, 2))
    theirs = weight @ roi.reshape(-1)
    ours = roi.transpose(1, 2, 0).reshape(-1) @ layouts.roi_linear(2)(weight)
    np.testing.assert_allclose(ours, theirs)


def test_a_network_of_bgr_pixels_gets_the_same_sums_from_normalised_rgb():
    rng = np.random.default_rng(0)
    rgb, mean = rng.uniform(0, 255, size=3), np.array([123.675, 116.28, 103.53])
    weight = rng.normal(size=(5, 3, 1, 1)).astype(np.float32)
    theirs = weight[:, :, 0, 0] @ (rgb - mean)[::-1]
    ours = ((rgb - mean) / STD) @ layouts.bgr_convolution(STD)(weight)[0, 0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
