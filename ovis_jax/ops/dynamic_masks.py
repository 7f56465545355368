"""Masks drawn by a small network whose parameters every object predicts. Source: CondInst.

The network is a row of 1x1 convolutions with ReLU between them. It reads the features of the frame
and, at each cell, the place of the object relative to the cell.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

ORDERS = ("weights_first", "layer_by_layer")
COORDINATES = 2


@dataclasses.dataclass(frozen=True)
class MaskNetwork:
    """How the parameters of the network stand in a vector, and how it reads places.

    Attributes:
      num_features: channels of the features.
      channels: of the hidden layers. The last layer has one channel, the logit.
      order: "weights_first": the weights of all layers, then the biases of all layers (CondInst,
        CrossVIS, IDOL); "layer_by_layer": each layer's weights, then its biases (TraDeS). The
        weights of a layer stand output by output.
      coordinates_first: relative coordinates (x, then y) come before the features, not after them.
      pixel_minus_point: sign of the relative coordinates: the cell's place minus the object's
        (TraDeS), or the object's minus the cell's (CondInst).
    """

    num_features: int = 8
    channels: tuple[int, ...] = (8, 8)
    order: str = "weights_first"
    coordinates_first: bool = True
    pixel_minus_point: bool = False

    def __post_init__(self):
        """Refuses unknown orders."""
        if self.order not in ORDERS:
            raise ValueError(f"order is {self.order!r}; expected one of {ORDERS}")

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Channels in and out of each layer."""
        widths = (self.num_features + COORDINATES, *self.channels, 1)
        return list(zip(widths[:-1], widths[1:], strict=True))

    @property
    def num_params(self) -> int:
        """Numbers that an object predicts."""
        return sum(inside * out + out for inside, out in self.layers)

    def split(self, params: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        """Weights [..., out, in] and biases [..., out] of each layer in a vector [..., P].

        Raises:
          ValueError: the vector has not `num_params` numbers.
        """
        if params.shape[-1] != self.num_params:
            raise ValueError(f"{params.shape[-1]} parameters; expected {self.num_params}")
        parts = {part: params[..., start:stop] for part, (start, stop) in self._places().items()}
        return [
            (parts[i, "weights"].reshape(*params.shape[:-1], out, inside), parts[i, "biases"])
            for i, (inside, out) in enumerate(self.layers)
        ]

    def _places(self) -> dict[tuple[int, str], tuple[int, int]]:
        """First number, and the one after the last, of the weights and biases of each layer."""
        numbers, kinds = range(len(self.layers)), ("weights", "biases")
        if self.order == "weights_first":
            parts = [(i, kind) for kind in kinds for i in numbers]
        else:
            parts = [(i, kind) for i in numbers for kind in kinds]
        places, start = {}, 0
        for i, kind in parts:
            inside, out = self.layers[i]
            stop = start + (inside * out if kind == "weights" else out)
            places[i, kind], start = (start, stop), stop
        return places


def dynamic_mask(
    features: jax.Array,
    params: jax.Array,
    point: jax.Array,
    scale: jax.Array,
    *,
    stride: int,
    network: MaskNetwork,
) -> jax.Array:
    """Mask logits [h, w] of one object; `jax.vmap` of it draws several.

    Args:
      features: [h, w, C] of the frame.
      params: [P] of the object's network.
      point: [2] as (x, y), the object's place in pixels.
      scale: [], pixels that relative coordinates are divided by; 1: they stay pixels.
      stride: pixels from cell to cell; a cell's place is `stride // 2` pixels from its corner.
      network: what the parameters mean.
    """
    height, width, _ = features.shape
    (weights, bias), *others = network.split(params)
    by_place, by_feature = _split_inputs(weights, network)
    columns, rows = (stride * np.arange(n) + stride // 2 for n in (width, height))
    sign = -1.0 if network.pixel_minus_point else 1.0
    dx, dy = (sign * (point[i] - x) / scale for i, x in enumerate((columns, rows)))
    # Places are sums of a part of the column and a part of the row: never a map of coordinates.
    x = jnp.einsum("hwc,kc->hwk", features, by_feature, precision="highest")
    x = x + dx[:, None] * by_place[:, 0] + (dy[:, None] * by_place[:, 1])[:, None] + bias
    for weights, bias in others:
        x = jnp.einsum("hwc,kc->hwk", jax.nn.relu(x), weights, precision="highest") + bias
    return x[..., 0]


def _split_inputs(weights: jax.Array, network: MaskNetwork) -> tuple[jax.Array, jax.Array]:
    """The first layer's weights [K, in] by coordinates [K, 2] and by features [K, C]."""
    if network.coordinates_first:
        return weights[:, :COORDINATES], weights[:, COORDINATES:]
    return weights[:, network.num_features :], weights[:, : network.num_features]
