"""How far pixels are from the nearest pixel of each object, by their embeddings: FEELVOS.

Distances are squared and brought to [0, 1): 2 sigmoid(d) - 1. An object that is nowhere is at
distance 1. Nothing is kept of all pairs of pixels: minima run through parts of them.
"""

import jax
import jax.numpy as jnp

_ABSENT = 1e20  # a squared distance that is no one's
_CHUNK = 1024


def global_distances(
    embeddings: jax.Array, reference: jax.Array, exist: jax.Array, chunk: int = _CHUNK
) -> jax.Array:
    """Distances to the objects of a reference frame. Source: FEELVOS, section 3.3.

    Args:
      embeddings: [h, w, E] of the current frame.
      reference: [O, P, E] of pixels of each object, all of them or some.
      exist: [O, P] bool, those that there are.
      chunk: pixels of an object that are compared together.

    Returns:
      [h, w, O] float32 in [0, 1].
    """
    height, width, size = embeddings.shape
    query = embeddings.reshape(-1, size).astype(jnp.float32)
    num_objects, count = exist.shape
    chunk = min(chunk, count)
    around = [(0, 0), (0, -count % chunk)]
    reference = jnp.pad(reference.astype(jnp.float32), [*around, (0, 0)])
    exist = jnp.pad(exist, around)
    query_norms = jnp.sum(query * query, axis=-1)[:, None]

    @jax.checkpoint
    def compare(nearest, part):
        own, there = part
        dots = jnp.matmul(query, own.T, precision="highest")
        squares = jnp.maximum(query_norms + jnp.sum(own * own, axis=-1) - 2 * dots, 0)
        return jnp.minimum(nearest, jnp.where(there, squares, _ABSENT).min(axis=1)), None

    def of_object(parts):
        return jax.lax.scan(compare, jnp.full(len(query), _ABSENT), parts)[0]

    groups = reference.reshape(num_objects, -1, chunk, size), exist.reshape(num_objects, -1, chunk)
    nearest = jax.lax.map(of_object, groups)
    return _normalised(nearest.T).reshape(height, width, num_objects)


def local_distances(
    embeddings: jax.Array,
    previous: jax.Array,
    labels: jax.Array,
    num_objects: int,
    radius: int = 15,
) -> jax.Array:
    """Distances to the objects of the previous frame, in a window. Source: section 3.4.

    Args:
      embeddings: [h, w, E] of the current frame.
      previous: [h, w, E] of the previous one.
      labels: [h, w] int32, the object that its pixels belong to; negative: none.
      num_objects: O.
      radius: of the window, in pixels; its side is twice as long, and one more.

    Returns:
      [h, w, O] float32 in [0, 1].
    """
    height, width, _ = embeddings.shape
    query = embeddings.astype(jnp.float32)
    around = [(radius, radius), (radius, radius)]
    previous = jnp.pad(previous.astype(jnp.float32), [*around, (0, 0)])
    labels = jnp.pad(labels, around, constant_values=-1)
    steps = jnp.arange(2 * radius + 1)

    def compare_rows(nearest, y):
        rows = jax.lax.dynamic_slice_in_dim(previous, y, height)
        owners = jax.lax.dynamic_slice_in_dim(labels, y, height)

        @jax.checkpoint
        def compare(nearest, x):
            own = jax.lax.dynamic_slice_in_dim(rows, x, width, axis=1)
            owner = jax.lax.dynamic_slice_in_dim(owners, x, width, axis=1)
            squares = jnp.sum(jnp.square(query - own), axis=-1)
            own = owner[..., None] == jnp.arange(num_objects)
            return jnp.minimum(nearest, jnp.where(own, squares[..., None], _ABSENT)), None

        return jax.lax.scan(compare, nearest, steps)[0], None

    start = jnp.full((height, width, num_objects), _ABSENT)
    # The backward pass keeps a map for each row and each column of the window, not for each pixel.
    nearest, _ = jax.lax.scan(jax.checkpoint(compare_rows), start, steps)
    return _normalised(nearest)


def spread_pixels(
    inside: jax.Array, count: int, shift: jax.Array | float = 0.5
) -> tuple[jax.Array, jax.Array]:
    """Pixels of objects, as evenly spread over them in reading order as can be.

    Args:
      inside: [O, P] bool, the pixels of each object.
      count: S, at most of each object; of one that has no more, all are taken.
      shift: [] in [0, 1). Drawn uniformly, all pixels of an object are equally likely.

    Returns:
      [O, S] int32 in [0, P), and which of them are pixels of the object, [O, S] bool.
    """
    ranks = jnp.cumsum(inside, axis=-1, dtype=jnp.int32)
    total = ranks[:, -1:]
    steps = jnp.arange(count)
    spaced = jnp.floor((steps + shift) * (total / count)).astype(jnp.int32)
    rank = jnp.where(total > count, jnp.minimum(spaced, total - 1), steps)
    index = jax.vmap(jnp.searchsorted)(ranks, rank + 1)
    return jnp.minimum(index, inside.shape[-1] - 1).astype(jnp.int32), rank < total


def _normalised(squares: jax.Array) -> jax.Array:
    return jnp.tanh(squares / 2)
