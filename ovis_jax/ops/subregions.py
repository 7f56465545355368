"""Masks inside boxes whose four quarters have mask coefficients of their own: SipMask."""

import jax
import jax.numpy as jnp

_SEAM = 0.1  # added to a box's size before it is halved, as the published CUDA kernel does


def quarter_masks(quarters: jax.Array, boxes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Takes every pixel of a box from the map of the quarter in which it lies.

    A pixel (x, y) is inside if x1 <= x < x2 and y1 <= y < y2; the box is neither rounded nor cut
    off. The seam between quarters is 0.05 pixels right of and below the centre. Source: the
    published CUDA kernel (its Python twin differs by up to a row and a column).

    Args:
      quarters: [..., 4, H, W]: upper left, upper right, lower left, lower right.
      boxes: [..., 4] in pixels of these maps; anything else than a number is an empty box.

    Returns:
      Maps [..., H, W], of the lower right quarter outside the box, and inside [..., H, W] bool.
    """
    height, width = quarters.shape[-2:]
    x1, y1, x2, y2 = jnp.moveaxis(boxes, -1, 0)
    in_x, right = _halves(x1, x2, width)
    in_y, lower = _halves(y1, y2, height)
    right, lower = right[..., None, :], lower[..., :, None]
    upper_left, upper_right, lower_left, lower_right = jnp.moveaxis(quarters, -3, 0)
    chosen = jnp.where(
        lower,
        jnp.where(right, lower_right, lower_left),
        jnp.where(right, upper_right, upper_left),
    )
    return chosen, in_y[..., :, None] & in_x[..., None, :]


def _halves(low: jax.Array, high: jax.Array, length: int) -> tuple[jax.Array, jax.Array]:
    """Whether each pixel is inside [low, high), and in the second half: [..., length] bool both."""
    pixel = jnp.arange(length, dtype=low.dtype)
    low, high = low[..., None], high[..., None]
    # In float32 as in the kernel: its sum in double precision rounds to the same number for every
    # box of at least an eighth of a pixel.
    half = (high - low + _SEAM) / 2
    return (low <= pixel) & (pixel < high), jnp.trunc((pixel - low) / half) >= 1
