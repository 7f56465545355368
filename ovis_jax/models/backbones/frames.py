"""What every backbone asks of frames."""

import jax

LARGEST_STRIDE = 32


def checked_frames(images: jax.Array) -> jax.Array:
    """The same frames [B, H, W, 3].

    Raises:
      ValueError: a side is not a multiple of 32, so that C2...C5 would not halve exactly.
    """
    if images.shape[-3] % LARGEST_STRIDE or images.shape[-2] % LARGEST_STRIDE:
        raise ValueError(f"frame sides must be multiples of 32, got {images.shape[-3:-1]}")
    return images
