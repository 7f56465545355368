"""Masks of predicted networks, cell by cell in float64, and as the published code computed them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays

from ovis_jax.ops.dynamic_masks import MaskNetwork, dynamic_mask
from ovis_jax.ops.losses import dice
from ovis_jax.ops.resize import upsample_aligned

STRIDE = 8
SIZES_OF_INTEREST = np.float32([64, 128, 256, 512, 1024])


def naive_mask(features, params, point, scale, stride, network):
    """The definition."""
    params, cursor = list(params.astype(np.float64)), 0
    widths = (network.num_features + 2, *network.channels, 1)
    pairs = list(zip(widths[:-1], widths[1:], strict=True))

    def take(count):
        nonlocal cursor
        cursor += count
        return np.array(params[cursor - count : cursor])

    if network.order == "weights_first":
        weights = [take(i * o).reshape(o, i) for i, o in pairs]
        layers = list(zip(weights, [take(o) for _, o in pairs], strict=True))
    else:
        layers = [(take(i * o).reshape(o, i), take(o)) for i, o in pairs]
    out = np.zeros(features.shape[:2])
    for row, column in np.ndindex(out.shape):
        cell = stride * np.array([column, row]) + stride // 2
        place = (cell - point if network.pixel_minus_point else point - cell) / scale
        parts = [place, features[row, column].astype(np.float64)]
        x = np.concatenate(parts if network.coordinates_first else parts[::-1])
        for number, (weight, bias) in enumerate(layers):
            x = weight @ (x if number == 0 else np.maximum(x, 0)) + bias
        out[row, column] = x[0]
    return out


@pytest.mark.parametrize(
    ("network", "stride"),
    [
        (MaskNetwork(), 8),
        (MaskNetwork(num_features=3, channels=(4,)), 8),
        (MaskNetwork(order="layer_by_layer", coordinates_first=False, pixel_minus_point=True), 1),
    ],
    ids=["CrossVIS", "two layers", "TraDeS"],
)
def test_masks_follow_their_definition(network, stride):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, 4, network.num_features)).astype(np.float32)
    params = rng.normal(size=network.num_params).astype(np.float32)
    point, scale = np.float32([13, 7]), np.float32(64)
    got = dynamic_mask(features, params, point, scale, stride=stride, network=network)
    want = naive_mask(features, params, point, scale, stride, network)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_a_vector_of_another_length_and_an_unknown_order_are_refused():
    with pytest.raises(ValueError, match="168 parameters; expected 169"):
        MaskNetwork().split(jnp.zeros(168))
    with pytest.raises(ValueError, match="order is 'biases_first'"):
        MaskNetwork(order="biases_first")


def ops(name):
    return golden_arrays("crossvis", "ops.npz")[name]


def test_parameters_stand_where_they_are_recorded():
    layers = MaskNetwork().split(jnp.asarray(ops("dyn/parse_input")))
    for number, (weights, biases) in enumerate(layers, start=1):
        np.testing.assert_array_equal(weights, ops(f"dyn/parse_w{number}"))
        np.testing.assert_array_equal(biases, ops(f"dyn/parse_b{number}"))


@jax.jit
def recorded_masks(params, maps):
    def one(params, image, point, scale):
        return dynamic_mask(maps[image], params, point, scale, stride=STRIDE, network=MaskNetwork())

    scales = SIZES_OF_INTEREST[ops("dyn/levels")]
    logits = jax.vmap(one)(params, ops("dyn/im_inds"), ops("dyn/locations"), scales)
    return upsample_aligned(logits[..., None], 2)[..., 0]


def test_recorded_masks_losses_and_gradients():
    params, maps = ops("dyn/params"), np.moveaxis(ops("dyn/mask_feats"), 1, -1)
    logits, pullback = jax.vjp(recorded_masks, params, maps)
    want = ops("dyn/logits_stride4")
    np.testing.assert_allclose(logits, want, atol=1e-5 * np.abs(want).max())
    losses, by_logits = jax.vjp(
        lambda x: dice(jax.nn.sigmoid(x), ops("dice/target")), jnp.asarray(logits)
    )
    np.testing.assert_allclose(losses, ops("dice/loss"), rtol=1e-5)
    mean = jnp.full_like(losses, 1 / len(losses))  # whose gradient is recorded
    by_params, by_maps = pullback(by_logits(mean)[0])
    for got, name in ((by_params, "params"), (jnp.moveaxis(by_maps, -1, 1), "feats")):
        want = ops(f"dice/grad_{name}")
        np.testing.assert_allclose(got, want, atol=1e-4 * np.abs(want).max())
