"""Attention of all tokens to all tokens, and rotary positions of the patches among them."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops import implementations

ROTARY_BASE = 100.0


@flax.struct.dataclass
class Rotation:
    """By what angles the halves of queries and keys of patches are turned.

    Attributes:
      cos: [P, E] float32, P patches and E numbers of a head.
      sin: [P, E] float32.
    """

    cos: jax.Array
    sin: jax.Array


def attention(
    query: jax.Array, key: jax.Array, value: jax.Array, rotation: Rotation | None = None
) -> jax.Array:
    """Softmax of products over sqrt(E), times values; in the way that suits the platform.

    Args:
      query: [B, N, heads, E].
      key: [B, N, heads, E].
      value: [B, N, heads, E].
      rotation: of the last P tokens; None: of none.

    Returns:
      [B, N, heads, E].
    """
    if rotation is not None:
        query, key = rotate_last(query, rotation), rotate_last(key, rotation)
    return implementations.attention(query)(query, key, value)


def patch_rotation(rows: int, columns: int, size: int, base: float = ROTARY_BASE) -> Rotation:
    """Rotation of the patches of a grid, row by row.

    A patch's place is -1 to 1 from border to border of the grid, along both axes; its angles are
    the place times 2 pi times falling powers of the base, those of the row before those of the
    column, and the same for both halves. Source: DINOv3.

    Args:
      rows: of the grid.
      columns: of the grid.
      size: E, numbers of a head, a multiple of 4.
      base: ratio of the largest power to the smallest one, nearly.

    Raises:
      ValueError: the size is no multiple of 4.
    """
    if size % 4:
        raise ValueError(f"heads of {size} numbers; expected a multiple of 4 for rotary positions")
    powers = np.float32(base) ** -(4 / size * np.arange(size // 4, dtype=np.float32))
    place = [2 * (np.arange(n, dtype=np.float32) + 0.5) / n - 1 for n in (rows, columns)]
    places = np.stack(np.meshgrid(*place, indexing="ij"), axis=-1).reshape(-1, 2, 1)
    angles = (2 * np.pi * places * powers).reshape(rows * columns, -1)
    angles = np.tile(angles, 2).astype(np.float32)
    return Rotation(jnp.asarray(np.cos(angles)), jnp.asarray(np.sin(angles)))


def rotate_last(x: jax.Array, rotation: Rotation) -> jax.Array:
    """Rotates the last P of [B, N, heads, E]; the others stay."""
    num_others = x.shape[1] - len(rotation.cos)
    others, own = x[:, :num_others], x[:, num_others:].astype(jnp.float32)
    first, second = jnp.split(own, 2, axis=-1)
    turned = jnp.concatenate([-second, first], axis=-1)
    rotated = own * rotation.cos[:, None] + turned * rotation.sin[:, None]
    return jnp.concatenate([others, rotated.astype(x.dtype)], axis=1)
