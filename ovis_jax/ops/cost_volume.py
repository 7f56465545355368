"""Full cost volume: every cell of a frame is compared with every cell of another one.

Source: TraDeS, section 4.1. Only the largest entry of each row and of each column of cells is kept.
"""

import jax
import jax.numpy as jnp


def cost_volume_maxima(current: jax.Array, other: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Largest dot product of each cell with every row and with every column of the other frame.

    Args:
      current: [H, W, C], embeddings of a frame.
      other: [H, W, C], of the other frame; of equally large entries one gets the gradient.

    Returns:
      [H * W, H] and [H * W, W] in the precision of `jax.default_matmul_precision`; cells of the
      current frame row by row.
    """
    height, width, channels = current.shape
    volume = jnp.matmul(current.reshape(-1, channels), other.reshape(-1, channels).T)
    volume = volume.reshape(-1, height, width)
    return volume.max(axis=2), volume.max(axis=1)


def expected_offsets(by_row: jax.Array, by_column: jax.Array, temperature: float) -> jax.Array:
    """How far each cell has moved: the mean of the softmax of its maxima, minus its own place.

    Args:
      by_row: [H * W, H] of `cost_volume_maxima`.
      by_column: [H * W, W].
      temperature: factor on the maxima.

    Returns:
      [H, W, 2] as (x, y) in cells, from the current frame to the other one.
    """
    height, width = by_row.shape[-1], by_column.shape[-1]
    cells = jnp.arange(height * width)
    own = cells % width, cells // width
    # Offsets are averaged, not places, so that whole ones come out exactly.
    offsets = [
        jnp.sum(jax.nn.softmax(temperature * x) * (jnp.arange(x.shape[-1]) - at[:, None]), axis=-1)
        for x, at in zip((by_column, by_row), own, strict=True)
    ]
    return jnp.stack(offsets, axis=-1).reshape(height, width, 2)
