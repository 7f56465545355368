"""Correlation by products of whole rows."""

import jax
import jax.numpy as jnp


def position_products(
    query: jax.Array, reference: jax.Array, displacements: int, dilation: int
) -> jax.Array:
    """Correlation of single positions of maps [B, H, W, C]; see `correlation`.

    Each row displacement is one product of row pairs, of which the wanted diagonals are kept.
    Columns meet only columns that are multiples of the dilation away, so each residue class is
    multiplied on its own, which saves products that nobody reads.

    Returns:
      [B, H, W, displacements**2], float32 or finer.
    """
    batch, height, width, channels = query.shape
    radius = (displacements - 1) * dilation // 2
    num_columns = -(-width // dilation)  # of each residue class
    query = residue_classes(query, (0, 0), num_columns, dilation)
    window = num_columns + displacements - 1
    reference = residue_classes(reference, (radius, radius), window, dilation)
    exact = jnp.promote_types(query.dtype, jnp.float32)

    def row_displacement(start: int) -> jax.Array:
        rows = reference[:, :, start : start + height]
        products = jnp.einsum("bdhwc,bdhxc->bdhwx", query, rows, preferred_element_type=exact)
        return _diagonals(products, displacements)

    starts = range(0, displacements * dilation, dilation)
    maps = jnp.stack([row_displacement(start) for start in starts], axis=-2)
    maps = maps.reshape(batch, dilation, height, num_columns, displacements**2)
    maps = jnp.moveaxis(maps, 1, 3).reshape(batch, height, -1, displacements**2)
    return maps[:, :, :width] / channels


def residue_classes(x, border: tuple[int, int], num_columns: int, dilation: int) -> jax.Array:
    """Columns that are multiples of the dilation apart, side by side.

    Args:
      x: [B, H, W, C].
      border: zeros added above and below and, the second, on the left.
      num_columns: of each class; zeros are added on the right up to it.
      dilation: number of classes.

    Returns:
      [B, dilation, H + 2 * border, num_columns, C].
    """
    rows, left = border
    right = num_columns * dilation - x.shape[2] - left
    x = jnp.pad(x, ((0, 0), (rows, rows), (left, right), (0, 0)))
    x = x.reshape(*x.shape[:2], num_columns, dilation, x.shape[-1])
    return jnp.moveaxis(x, 3, 1)


def _diagonals(products: jax.Array, count: int) -> jax.Array:
    """Entries (w, w + j), j < count, of matrices [..., W, W + count - 1]: [..., W, count].

    Written as one row after the other, a row that is read one entry longer starts on the diagonal.
    A gather does the same, but its gradient is a scatter.
    """
    *batch, height, width = products.shape
    flat = products.reshape(*batch, height * width)
    flat = jnp.pad(flat, [(0, 0)] * len(batch) + [(0, height)])
    return flat.reshape(*batch, height, width + 1)[..., :count]
