"""Correlation by products of tiles with the windows around them.

Positions meet only those that are multiples of the dilation away, along both axes, so the maps are
split into residue classes. A tile of a class is multiplied with all positions of a window, in one
product; a second product with a matrix of zeros and ones picks the wanted displacements of every
position. Few large products instead of one chain of small ones for each row of displacements.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

TILE = (4, 16)


def position_products(
    query: jax.Array, reference: jax.Array, displacements: int, dilation: int
) -> jax.Array:
    """As `correlation_rows.position_products`; the windows are not kept for the gradient."""
    return jax.checkpoint(_products, static_argnums=(2, 3))(
        query, reference, displacements, dilation
    )


def _products(query, reference, displacements: int, dilation: int) -> jax.Array:
    height, width, channels = query.shape[1:]
    radius = (displacements - 1) * dilation // 2
    blocks = tuple(
        -(-side // (dilation * tile)) for side, tile in zip((height, width), TILE, strict=True)
    )
    spans = tuple(-(-(tile + displacements - 1) // tile) for tile in TILE)
    exact = jnp.promote_types(query.dtype, jnp.float32)
    tiles = _windows(_blocks(query, 0, blocks, dilation), blocks, (1, 1))
    more = tuple(count + span - 1 for count, span in zip(blocks, spans, strict=True))
    windows = _windows(_blocks(reference, radius, more, dilation), blocks, spans)
    products = jnp.einsum("nqc,nkc->qnk", tiles, windows, preferred_element_type=exact)
    picked = jnp.einsum(
        "qnk,qkd->nqd",
        products.astype(query.dtype),
        _picks(spans, displacements).astype(query.dtype),
        preferred_element_type=exact,
    )
    return _joined(picked, query.shape[0], blocks, dilation)[:, :height, :width] / channels


def _blocks(x: jax.Array, border: int, blocks: tuple[int, int], dilation: int) -> jax.Array:
    """Residue classes in blocks of the size of a tile.

    Args:
      x: [B, H, W, C].
      border: zeros above and on the left; more are added below and on the right.
      blocks: rows and columns of blocks of each class.
      dilation: classes along each axis.

    Returns:
      [B, dilation, dilation, rows, th, columns, tw, C].
    """
    sides = [count * tile * dilation for count, tile in zip(blocks, TILE, strict=True)]
    padding = [(border, side - border - old) for side, old in zip(sides, x.shape[1:3], strict=True)]
    x = jax.lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in padding), (0, 0, 0)])
    (rows, columns), (tall, wide) = blocks, TILE
    x = x.reshape(len(x), rows, tall, dilation, columns, wide, dilation, x.shape[-1])
    return jnp.transpose(x, (0, 3, 6, 1, 2, 4, 5, 7))


def _windows(blocks: jax.Array, count: tuple[int, int], spans: tuple[int, int]) -> jax.Array:
    """Windows [N, positions, C] of `spans` blocks that begin at each of the first `count`."""
    moved = [
        blocks[:, :, :, i : i + count[0], :, j : j + count[1]]
        for i in range(spans[0])
        for j in range(spans[1])
    ]
    windows = jnp.stack(moved, axis=5)  # [B, d, d, rows, th, window, columns, tw, C]
    windows = jnp.transpose(windows, (0, 1, 2, 3, 6, 5, 4, 7, 8))
    return windows.reshape(-1, len(moved) * TILE[0] * TILE[1], blocks.shape[-1])


def _picks(spans: tuple[int, int], displacements: int) -> jax.Array:
    """Whether [tile position, window position, displacement] belong together."""
    size = (TILE[0] * TILE[1], spans[0] * spans[1] * TILE[0] * TILE[1], displacements**2)
    # Computed on the device: as a constant it would be most of the program.
    position, place, displacement = (jax.lax.broadcasted_iota(jnp.int32, size, i) for i in range(3))
    block, inside = place // (TILE[0] * TILE[1]), place % (TILE[0] * TILE[1])
    row = block // spans[1] * TILE[0] + inside // TILE[1]
    column = block % spans[1] * TILE[1] + inside % TILE[1]
    down, right = row - position // TILE[1], column - position % TILE[1]
    return (down == displacement // displacements) & (right == displacement % displacements)


def _joined(x: jax.Array, batch: int, blocks: tuple[int, int], dilation: int) -> jax.Array:
    """Tiles [N, positions, D] side by side: [B, H', W', D]."""
    x = x.reshape(batch, dilation, dilation, *blocks, *TILE, x.shape[-1])
    x = jnp.transpose(x, (0, 3, 5, 1, 4, 6, 2, 7))
    sides = [count * tile * dilation for count, tile in zip(blocks, TILE, strict=True)]
    return x.reshape(batch, *sides, x.shape[-1])
