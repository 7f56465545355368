"""RoIAlign of one map with as many samples in a bin as it has cells: mmcv's `sampling_ratio=0`."""

import jax
import jax.numpy as jnp
import numpy as np

_SHIFT = 0.5  # cells from the corner of a map to the centre of its first cell


def roi_align_adaptive(features: jax.Array, rois: jax.Array, size: int) -> jax.Array:
    """Averages bilinear samples in each bin of each RoI, about one for each cell.

    Along each axis a bin has as many samples as it has cells, rounded up. All of them together are
    a mix of rows and a mix of columns, so that they are two products. A RoI whose second corner is
    not above its first one has no samples and gives zeros. RoIs receive no gradient. Source: mmcv
    1.x, `aligned=True`.

    Args:
      features: [H, W, C].
      rois: [R, 4] in cells, from edge to edge: (0, 0) is the corner of the map. No longer than the
        map along either axis.
      size: bins in each axis.

    Returns:
      [R, size, size, C].
    """
    height, width, _ = features.shape
    rois = jax.lax.stop_gradient(rois)
    exact = jnp.promote_types(features.dtype, jnp.float32)
    rows = _bin_weights(rois[:, 1], rois[:, 3], height, size)
    columns = _bin_weights(rois[:, 0], rois[:, 2], width, size)
    mixed = jnp.einsum(
        "rih,hwc->riwc", rows.astype(features.dtype), features, preferred_element_type=exact
    )
    out = jnp.einsum("rjw,riwc->rijc", columns.astype(exact), mixed)
    return out.astype(features.dtype)


def _bin_weights(start: jax.Array, end: jax.Array, length: int, size: int) -> jax.Array:
    """Weights [R, size, length] of the cells of an axis in each bin; they add up to at most 1.

    A sample more than one cell outside the map counts as zero; one nearer is moved to the border.
    """
    bin_length = (end - start)[:, None, None] / size  # [R, 1, 1]
    most = -(-length // size)
    count = jnp.clip(jnp.ceil(bin_length), 0, most)
    number = np.arange(size, dtype=np.float32)[:, None], np.arange(most, dtype=np.float32)
    step = (number[1] + 0.5) / jnp.maximum(count, 1)
    position = start[:, None, None] - _SHIFT + (number[0] + step) * bin_length  # [R, size, most]
    counts = (number[1] < count) & (position >= -1) & (position <= length)
    position = jnp.where(counts, jnp.clip(position, 0, length - 1), 0)
    weights = jnp.maximum(0, 1 - jnp.abs(position[..., None] - np.arange(length)))
    weights = jnp.where(counts[..., None], weights, 0)
    return weights.sum(axis=2) / jnp.maximum(count, 1)
