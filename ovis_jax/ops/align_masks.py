"""RoIAlign of bit-packed masks over continuous boxes, with about as many samples as pixels."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.masks import unpack_masks


def align_masks(packed: jax.Array, boxes: jax.Array, mask_size: jax.Array, size: int) -> jax.Array:
    """Means of masks in the bins of boxes: mask n of the boxes n, S boxes of each.

    Corners are edges between pixels, and a bin averages bilinear samples, ceil(side / size) along
    each axis: RoIAlign "aligned" with an adaptive number of samples, as PyTorch and mmdetection 2
    cut mask targets. Two matrix products, as the samples of a bin form a grid.

    Args:
      packed: [N, H, W // 8] uint8, masks packed along the width.
      boxes: [S, N, 4] in pixels of the masks; the parts outside `mask_size` are cut off.
      mask_size: [2], (height, width) that the masks have; what is beyond is padding.
      size: bins along each axis.

    Returns:
      [S, N, size, size] float32 in [0, 1]; 0 for boxes without a width or a height.
    """
    masks = unpack_masks(packed).astype(jnp.float32)
    limits = jnp.asarray(mask_size, jnp.float32)
    boxes = jnp.clip(boxes, 0, jnp.stack([limits[1], limits[0], limits[1], limits[0]]))
    rows = _bin_weights(boxes[..., 1], boxes[..., 3], limits[0], masks.shape[1], size)
    columns = _bin_weights(boxes[..., 0], boxes[..., 2], limits[1], masks.shape[2], size)
    lines = jnp.einsum("snih,nhw->sniw", rows, masks, precision="highest")
    return jnp.einsum("sniw,snjw->snij", lines, columns, precision="highest")


def _bin_weights(
    start: jax.Array, end: jax.Array, length: jax.Array, pixels: int, size: int
) -> jax.Array:
    """How much each pixel counts in each bin along one axis.

    Args:
      start: [...], edge between pixels in [0, length].
      end: likewise.
      length: [] float32, pixels of the mask.
      pixels: of the canvas that holds it.
      size: bins.

    Returns:
      [..., size, pixels]; the weights of a bin add up to 1.
    """
    most = -(-pixels // size)  # samples that a bin can have
    start, side = start[..., None, None], (end - start)[..., None, None]  # [..., 1, 1]
    count = jnp.ceil(side / size)
    number = np.arange(most, dtype=np.float32)
    bins = np.arange(size, dtype=np.float32)[:, None]
    step = side / size
    position = start - 0.5 + bins * step + (number + 0.5) * step / jnp.maximum(count, 1)
    position = jnp.clip(position, 0, length - 1)[..., None]  # [..., size, most, 1]
    hat = jnp.maximum(1 - jnp.abs(position - np.arange(pixels, dtype=np.float32)), 0)
    weight = (number < count) / jnp.maximum(count, 1)  # [..., 1, most]
    return jnp.sum(hat * weight[..., None], axis=-2)
