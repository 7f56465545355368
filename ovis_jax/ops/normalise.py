"""Pixels to what the network reads; frames travel to the device as bytes, a quarter of floats."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp


def normalise_frames(
    frames: jax.Array, image_size: jax.Array, mean: Sequence[float], std: Sequence[float]
) -> jax.Array:
    """Subtracts the mean and divides by the deviation; the padding becomes 0.

    Args:
      frames: [B, H, W, 3] uint8 RGB, in the upper left corner of a canvas.
      image_size: [B, 2], (height, width) of the frames without padding.
      mean: per channel, in [0, 255]; likewise `std`.
      std: see `mean`.

    Returns:
      [B, H, W, 3] float32.

    Raises:
      TypeError: the frames are not uint8; normalised ones would be normalised again.
    """
    if frames.dtype != jnp.uint8:
        raise TypeError(f"frames are {frames.dtype}; expected uint8")
    height, width = frames.shape[1:3]
    rows = jnp.arange(height) < image_size[:, :1]
    columns = jnp.arange(width) < image_size[:, 1:]
    inside = rows[:, :, None, None] & columns[:, None, :, None]
    return jnp.where(inside, (frames - jnp.float32(mean)) / jnp.float32(std), 0)
