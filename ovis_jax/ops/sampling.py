"""Bilinear reading of feature maps: the core of RoIAlign and deformable convolution."""

import jax
import jax.numpy as jnp


def bilinear_gather(features: jax.Array, points: jax.Array) -> jax.Array:
    """Reads a feature map between its cells; zero outside it.

    A point between the border and one cell beyond it mixes the border with zeros. A point that is
    not finite reads zero.

    Args:
      features: [H, W, C].
      points: [..., 2] as (x, y) in cells; (0, 0) is the centre of the first cell.

    Returns:
      [..., C], the bilinear mix of the four cells around each point.
    """
    height, width, _ = features.shape
    points = jnp.where(jnp.isfinite(points).all(-1, keepdims=True), points, -2.0)
    low = jnp.floor(points)[..., None, :]
    corners = low + jnp.array([[0, 0], [1, 0], [0, 1], [1, 1]])  # [..., 4, 2]
    weights = jnp.prod(1 - jnp.abs(points[..., None, :] - corners), axis=-1)
    inside = jnp.all((corners >= 0) & (corners < jnp.array([width, height])), axis=-1)
    x, y = jnp.where(inside, jnp.moveaxis(corners, -1, 0), 0).astype(jnp.int32)
    weights = jnp.where(inside, weights, 0).astype(features.dtype)
    return jnp.einsum("...j,...jc->...c", weights, features[y, x])
