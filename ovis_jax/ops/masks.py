"""Masks: unpacking packed ones, targets cut out of them, one class of many."""

import jax
import jax.numpy as jnp
import numpy as np

_WEIGHT_BITS = 11  # of OpenCV's bilinear resize of uint8 images


def unpack_masks(packed: jax.Array) -> jax.Array:
    """Inverse of `np.packbits` along the width: [..., H, W // 8] uint8 to [..., H, W] bool."""
    bits = packed[..., None] >> jnp.arange(7, -1, -1, dtype=jnp.uint8) & 1
    return bits.reshape(*packed.shape[:-1], -1).astype(bool)


def mask_iou(a: jax.Array, b: jax.Array, *, smoothing: float = 0.0) -> jax.Array:
    """Intersection over union [N, M] of masks [N, h, w] and [M, h, w] bool; 0 of two empty ones.

    With `smoothing`, which is added to intersection and union, two empty ones have 1.
    """
    a, b = (x.reshape(len(x), -1).astype(jnp.float32) for x in (a, b))
    # Sums of zeros and ones: exact in float32, whatever the order.
    shared = jnp.matmul(a, b.T, preferred_element_type=jnp.float32)
    union = a.sum(-1)[:, None] + b.sum(-1) - shared
    shared, union = shared + smoothing, union + smoothing
    return shared / jnp.where(union == 0, 1, union)


def halve_masks(packed: jax.Array) -> jax.Array:
    """Masks at half the size: set where at least three of four pixels are.

    So OpenCV's bilinear resize of uint8 masks rounds the mean of four pixels.

    [..., H, W // 8] uint8, packed, to [..., H / 2, W / 2] bool.
    """
    masks = unpack_masks(packed)
    *batch, height, width = masks.shape
    blocks = masks.reshape(*batch, height // 2, 2, width // 2, 2)
    return blocks.sum(axis=(-3, -1), dtype=jnp.int32) >= 3


def quarter_masks(packed: jax.Array) -> jax.Array:
    """Masks at a quarter of the size: set where all four pixels in the middle of a cell are.

    So PyTorch's bilinear resize by 1/4 reads them, whose result is cut off to a whole number.

    [..., H, W // 8] uint8, packed, to [..., H / 4, W / 4] bool.
    """
    rows = unpack_masks(packed[..., 1::4, :] & packed[..., 2::4, :])
    return rows[..., 1::4] & rows[..., 2::4]


def strided_masks(packed: jax.Array, stride: int, first: int | None = None) -> jax.Array:
    """Every `stride`-th pixel of masks along both axes, from pixel `first` on.

    [..., H, W // 8] uint8, packed, to [..., H / stride, W / stride] bool. Without `first` it is the
    middle one, `stride // 2`.
    """
    first = stride // 2 if first is None else first
    return unpack_masks(packed[..., first::stride, :])[..., first::stride]


def mask_centroids(packed: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean pixel index of each mask: centroids that are whole or half numbers come out exactly.

    Args:
      packed: [..., H, W // 8] uint8, masks packed along the width; at most about 2^31 / W pixels.

    Returns:
      [..., 2] float32 as (x, y), (0, 0) of an empty mask; and the number of pixels, [...] int32.
    """
    masks = unpack_masks(packed)
    in_columns = jnp.sum(masks, axis=-2, dtype=jnp.int32)
    in_rows = jnp.sum(masks, axis=-1, dtype=jnp.int32)
    count = in_rows.sum(-1)
    means = [_mean_index(x, count) for x in (in_columns, in_rows)]
    return jnp.stack(means, axis=-1), count


def _mean_index(in_bins: jax.Array, count: jax.Array) -> jax.Array:
    """Mean number [...] of the bin of `count` [...] pixels that lie in bins [..., L]."""
    total = jnp.sum(in_bins * jnp.arange(in_bins.shape[-1]), axis=-1)
    # Sums are whole numbers; only the remainder is divided, so that nothing large is rounded.
    whole, rest = jnp.divmod(total, jnp.maximum(count, 1))
    return whole + rest / jnp.maximum(count, 1).astype(jnp.float32)


def draw_masks(
    values: jax.Array, edges: jax.Array, shape: tuple[int, int], stride: int
) -> jax.Array:
    """Grids over boxes, read at the cells of a grid over the whole canvas.

    Bilinear between the cells of a box's own grid, whose border is repeated, without antialiasing.

    Args:
      values: [N, m, n] float32.
      edges: [N, 4], (left, top, right, bottom) of the boxes, in pixels of the canvas.
      shape: (h, w) cells of the result.
      stride: pixels of the canvas from cell to cell.

    Returns:
      [N, h, w] float32; 0 in cells whose centre is not in the box.
    """

    def weights(low, high, cells, length):
        center = stride * (jnp.arange(length) + 0.5)
        side = jnp.maximum(high - low, 1e-6)[:, None]
        place = (center - low[:, None]) / side * cells - 0.5
        place = jnp.clip(place, 0, cells - 1)[..., None]
        hat = jnp.maximum(0, 1 - jnp.abs(place - jnp.arange(cells)))
        inside = (center >= low[:, None]) & (center < high[:, None])
        return hat * inside[..., None]

    left, top, right, bottom = jnp.moveaxis(edges, -1, 0)
    rows = weights(top, bottom, values.shape[1], shape[0])
    columns = weights(left, right, values.shape[2], shape[1])
    return jnp.einsum("nym,nmk,nxk->nyx", rows, values, columns, precision="highest")


def select_class(logits: jax.Array, classes: jax.Array) -> jax.Array:
    """Picks each RoI's channel: [..., R, M, M, K] and [..., R] int to [..., R, M, M]."""
    own = classes[..., None, None, None] == np.arange(logits.shape[-1])
    return jnp.sum(jnp.where(own, logits, 0), axis=-1)  # a gather's gradient would be a scatter


def crop_masks(packed: jax.Array, boxes: jax.Array, index: jax.Array, size: int) -> jax.Array:
    """Cuts boxes out of masks and resizes each cut to a square; reads only the pixels it needs.

    Bit for bit what mmdetection 0.x computes: corners truncated to integers and taken as inclusive
    pixels, OpenCV's bilinear resize of a uint8 mask of zeros and ones (for cuts up to 1024 pixels;
    the fixed-point shifts are OpenCV's, and not quite the same as rounding the exact value).

    Args:
      packed: [N, H, W // 8] uint8, masks packed along the width.
      boxes: [R, 4], pixels of the masks; the parts outside them are cut off.
      index: [R] int32, each box's mask.
      size: side of the result.

    Returns:
      [R, size, size] float32 in {0, 1}.
    """
    num_masks, height, bytes_per_row = packed.shape
    x1, y1, x2, y2 = jnp.moveaxis(boxes.astype(jnp.int32), -1, 0)
    columns, x_weights = _resize_taps(x1, x2, 8 * bytes_per_row, size)  # [R, 2, size]
    rows, y_weights = _resize_taps(y1, y2, height, size)
    index = jnp.clip(index, 0, num_masks - 1)[:, None, None, None, None]
    rows = rows[:, :, :, None, None]  # [R, 2, size, 1, 1]
    columns = columns[:, None, None]  # [R, 1, 1, 2, size]
    byte = jnp.asarray(packed)[index, rows, columns >> 3]
    bits = byte >> (7 - (columns & 7)).astype(jnp.uint8) & 1  # [R, 2, size, 2, size]
    lines = jnp.sum(bits * x_weights[:, None, None], axis=3) >> 4  # [R, 2, size, size]
    total = jnp.sum(lines * y_weights[..., None] >> 16, axis=1)  # in quarters of a mask value
    return (total >= 2).astype(jnp.float32)


def _resize_taps(
    first: jax.Array, last: jax.Array, length: int, size: int
) -> tuple[jax.Array, jax.Array]:
    """The two pixels behind each output cell along one axis, and their fixed-point weights.

    Args:
      first: [R] int32, first pixel of the cut.
      last: [R] int32, its last pixel.
      length: pixels of the mask along the axis.
      size: output cells.

    Returns:
      Pixels [R, 2, size] int32 in [0, length) and weights [R, 2, size] int32 that sum to 2048.
    """
    first = jnp.clip(first, 0, length - 1)[:, None]
    last = jnp.clip(last[:, None], first, length - 1)
    # (cell + 0.5) * pixels / size - 0.5, in units of 1 / (2 size) to stay in integers.
    place = (2 * jnp.arange(size) + 1) * (last - first + 1) - size
    low, rest = jnp.divmod(place, 2 * size)
    weight = ((rest << _WEIGHT_BITS) + size) // (2 * size)
    pixels = jnp.clip(first[:, None] + jnp.stack([low, low + 1], 1), first[:, None], last[:, None])
    return pixels, jnp.stack([(1 << _WEIGHT_BITS) - weight, weight], axis=1)
