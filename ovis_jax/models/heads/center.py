"""Centre head: peaks of heat maps are objects, whose box and mask network stand at the same cell.

Source: CenterNet, sections 3 and 4; TraDeS.
"""

from typing import Any

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.ops.gaussians import box_radius, gaussian_spots
from ovis_jax.ops.means import Mean
from ovis_jax.ops.peaks import highest_peaks

STRIDE = 4  # pixels from cell to cell
PRIOR_LOGIT = -4.6  # of the heat maps at the start: a probability of 0.01
LEAST_PROBABILITY = 1e-4  # and most, 1 minus this, in the loss
POSITIVE_POWER, NEGATIVE_POWER = 2, 4


@flax.struct.dataclass
class CenterMaps:
    """What the head says of every cell, [B, h, w, ...].

    Attributes:
      logits: [B, h, w, K] of the heat maps.
      offsets: [B, h, w, 2], from the cell to the centre, as (x, y) in cells.
      sizes: [B, h, w, 2] of boxes, as (width, height) in cells.
      networks: [B, h, w, P], parameters of mask networks.
    """

    logits: jax.Array
    offsets: jax.Array
    sizes: jax.Array
    networks: jax.Array


class CenterHead(nn.Module):
    """Four branches of two convolutions each.

    Attributes:
      num_classes: K.
      num_params: of a mask network.
      channels: between the convolutions.
      dtype: of the first convolutions; what the head says is float32.
    """

    num_classes: int
    num_params: int
    channels: int = 256
    dtype: str = "float32"

    @nn.compact
    def __call__(self, features: jax.Array) -> CenterMaps:
        """Maps [B, h, w, C] to what stands at every cell."""

        def branch(name: str, outputs: int, bias: Any = nn.initializers.zeros) -> jax.Array:
            x = nn.Conv(self.channels, (3, 3), dtype=self.dtype, name=f"{name}_conv")(features)
            last = nn.Conv(outputs, (1, 1), bias_init=bias, dtype="float32", name=name)
            return last(nn.relu(x))

        return CenterMaps(
            logits=branch("heat", self.num_classes, nn.initializers.constant(PRIOR_LOGIT)),
            offsets=branch("offset", 2),
            sizes=branch("size", 2),
            networks=branch("network", self.num_params),
        )


@flax.struct.dataclass
class CenterTargets:
    """The objects of a frame on the map, [N, ...]; zero in slots that are not valid.

    Attributes:
      cells: [N, 2] int32 as (x, y), that hold the centres.
      offsets: [N, 2], from the cell to the centre.
      sizes: [N, 2] of boxes as (width, height) in cells.
      labels: [N] int32.
      valid: [N] bool, the object has a box of some size in the frame.
    """

    cells: jax.Array
    offsets: jax.Array
    sizes: jax.Array
    labels: jax.Array
    valid: jax.Array

    @property
    def centers(self) -> jax.Array:
        """[N, 2] as (x, y), in cells."""
        return self.cells + self.offsets


def center_targets(
    boxes: jax.Array, labels: jax.Array, valid: jax.Array, shape: tuple[int, int]
) -> CenterTargets:
    """Targets of the objects of one frame.

    Args:
      boxes: [N, 4] in pixels of the frame on its canvas.
      labels: [N] int32.
      valid: [N] bool.
      shape: (h, w) of the map; boxes end at its last cells.
    """
    boxes = jnp.where(valid[:, None], boxes, 0)
    centers, sizes = clipped_boxes(boxes / STRIDE, shape)
    valid = valid & jnp.all(sizes > 0, axis=-1)
    centers, sizes = (jnp.where(valid[:, None], x, 0) for x in (centers, sizes))
    cells = jnp.trunc(centers)
    return CenterTargets(
        cells=cells.astype(jnp.int32),
        offsets=centers - cells,
        sizes=sizes,
        labels=jnp.where(valid, labels, 0),
        valid=valid,
    )


def clipped_boxes(boxes: jax.Array, shape: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """Centres and sizes [N, 2] of boxes [N, 4] that end at the last cells of a map (h, w)."""
    height, width = shape
    last = jnp.array([width, height, width, height], jnp.float32) - 1
    boxes = jnp.clip(boxes, 0, last)
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]


def heat_targets(targets: CenterTargets, shape: tuple[int, int], num_classes: int) -> jax.Array:
    """Heat maps [h, w, K]: the highest of the Gaussians of the objects of each class."""
    radii = box_radius(targets.sizes)
    spots = gaussian_spots(targets.cells, radii, targets.valid, *shape)
    heat = jnp.zeros((num_classes, *shape)).at[targets.labels].max(spots)
    return jnp.moveaxis(heat, 0, -1)


def heat_loss(logits: jax.Array, heat: jax.Array, targets: CenterTargets) -> Mean:
    """Focal loss of the heat maps; the count is that of objects. Source: CornerNet, equation 1.

    Objects of one class and cell count each. Where there are none, the total stands.

    Args:
      logits: [B, h, w, K].
      heat: [B, h, w, K], of `heat_targets`.
      targets: CenterTargets [B, N, ...].
    """
    probs = jnp.clip(jax.nn.sigmoid(logits), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return focal_heat_loss(probs, heat, targets)


def focal_heat_loss(probs: jax.Array, heat: jax.Array, targets: CenterTargets) -> Mean:
    """`heat_loss` of probabilities [B, h, w, K], none of them 0 or 1."""
    far = (1 - heat) ** NEGATIVE_POWER
    negative = jnp.sum(jnp.log(1 - probs) * probs**POSITIVE_POWER * far, axis=(1, 2, 3))
    # Frame by frame, so that a batch is the sum of its parts: compilers would else join both sums
    # into one of many thousand float32 terms.
    negative = jnp.sum(jax.lax.optimization_barrier(negative))
    own = jnp.take_along_axis(at_cells(probs, targets), targets.labels[..., None], axis=-1)[..., 0]
    own = jnp.where(targets.valid, own, 1)
    positive = jnp.sum(jnp.log(own) * (1 - own) ** POSITIVE_POWER)
    return Mean(-(positive + negative), jnp.sum(targets.valid))


def center_loss(values: jax.Array, wanted: jax.Array, targets: CenterTargets) -> Mean:
    """L1 distance of two numbers of each object; the count is that of numbers.

    The published code adds 1e-4 to the count, once for each device.

    Args:
      values: [B, h, w, 2].
      wanted: [B, N, 2]; zero where not valid.
      targets: CenterTargets [B, N, ...].
    """
    own = jnp.where(targets.valid[..., None], at_cells(values, targets), 0)
    return Mean(jnp.sum(jnp.abs(own - wanted)), 2 * jnp.sum(targets.valid))


def at_cells(maps: jax.Array, targets: CenterTargets) -> jax.Array:
    """What stands in maps [B, h, w, C] at the cells of objects, [B, N, C]."""
    x, y = jnp.moveaxis(targets.cells, -1, 0)
    return jax.vmap(lambda own, row, column: own[row, column])(maps, y, x)


@flax.struct.dataclass
class Centers:
    """The highest peaks of a frame, in order of score.

    Attributes:
      scores: [D] in [0, 1].
      labels: [D] int32.
      cells: [D] int32, numbers of the peaks' cells, row by row.
      places: [D, 2] as (x, y), the peaks' cells.
      centers: [D, 2], of the boxes, in cells.
      boxes: [D, 4] in cells, none of a negative size.
    """

    scores: jax.Array
    labels: jax.Array
    cells: jax.Array
    places: jax.Array
    centers: jax.Array
    boxes: jax.Array


def decode_centers(heat: jax.Array, offsets: jax.Array, sizes: jax.Array, count: int) -> Centers:
    """The `count` highest peaks [D] of heat maps [h, w, K] with what stands at their cells.

    Args:
      heat: probabilities.
      offsets: [h, w, 2].
      sizes: [h, w, 2].
      count: D.
    """
    peaks = highest_peaks(heat, count)
    width = heat.shape[1]
    places = jnp.stack([peaks.cells % width, peaks.cells // width], axis=-1).astype(jnp.float32)
    centers = places + offsets.reshape(-1, 2)[peaks.cells]
    half = jnp.maximum(sizes.reshape(-1, 2)[peaks.cells], 0) / 2
    return Centers(
        scores=peaks.scores,
        labels=peaks.labels,
        cells=peaks.cells,
        places=places,
        centers=centers,
        boxes=jnp.concatenate([centers - half, centers + half], axis=-1),
    )


def at_peaks(maps: jax.Array, found: Centers) -> jax.Array:
    """What stands in maps [h, w, C] at the cells of peaks, [D, C]."""
    return maps.reshape(-1, maps.shape[-1])[found.cells]
