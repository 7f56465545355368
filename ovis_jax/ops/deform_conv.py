"""Deformable convolution: every tap reads the map at its own offset."""

import jax
import jax.numpy as jnp

from ovis_jax.ops.sampling import bilinear_gather


def deform_conv(features: jax.Array, offsets: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolves with displaced taps; stride 1, padded to the same size with zeros, without bias.

    Source: Dai et al. 2017 (version 1, one group), as its published CUDA kernel computes it: a tap
    beyond the border mixes the border with zeros.

    Args:
      features: [B, H, W, C].
      offsets: [B, H, W, 2 * kh * kw] in cells, (dy, dx) of each tap, taps row by row.
      kernel: [kh, kw, C, F] with odd sides.

    Returns:
      [B, H, W, F].

    Raises:
      ValueError: the offsets do not belong to the kernel and the map.
    """
    batch, height, width, _ = features.shape
    rows, columns = kernel.shape[:2]
    if offsets.shape != (batch, height, width, 2 * rows * columns):
        raise ValueError(
            f"offsets have shape {offsets.shape}; expected {(batch, height, width)} and 2 numbers "
            f"for each of the {rows}x{columns} taps"
        )
    grid = jnp.meshgrid(
        jnp.arange(height),
        jnp.arange(width),
        jnp.arange(rows) - rows // 2,
        jnp.arange(columns) - columns // 2,
        indexing="ij",
    )
    taps = jnp.stack([grid[0] + grid[2], grid[1] + grid[3]], axis=-1)  # [H, W, kh, kw, (y, x)]
    # Offsets may be bfloat16, too coarse for positions.
    offsets = offsets.astype(jnp.promote_types(offsets.dtype, jnp.float32))
    taps = taps + offsets.reshape(batch, height, width, rows, columns, 2)
    samples = jax.vmap(bilinear_gather)(features, taps[..., ::-1])
    return jnp.einsum("bhwmnc,mncf->bhwf", samples, kernel)
