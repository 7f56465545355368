"""Bilinear reading of feature maps, its transpose and its slopes; all zero outside the map.

The four cells around a point are read one after the other, never as one array of [..., 4, C]:
compilers fuse that into a single pass over the output.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp


@jax.custom_vjp
def bilinear_gather(features: jax.Array, points: jax.Array) -> jax.Array:
    """Reads a feature map between its cells; zero outside it.

    A point between the border and one cell beyond it mixes the border with zeros. A point that is
    not finite reads zero and passes no gradient. At a cell's centre the gradient of the point is
    the slope towards larger x and y.

    Args:
      features: [H, W, C].
      points: [..., 2] as (x, y) in cells; (0, 0) is the centre of the first cell.

    Returns:
      [..., C], the bilinear mix of the four cells around each point.
    """
    taps = _taps(points, *features.shape[:2])
    return _mix(features, [(cell, x * y) for cell, (x, _), (y, _) in taps])


def bilinear_scatter(values: jax.Array, points: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Adds values to the four cells around each point: the transpose of `bilinear_gather`.

    Args:
      values: [..., C].
      points: [..., 2] as (x, y) in cells.
      shape: (H, W, C) of the map.

    Returns:
      [H, W, C], summed in float32 or finer.
    """
    height, width, channels = shape
    exact = jnp.promote_types(values.dtype, points.dtype)
    total = jnp.zeros((height * width, channels), exact)
    for cell, (x, _), (y, _) in _taps(points, height, width):
        total = total.at[cell].add((x * y)[..., None] * values)
    return total.reshape(shape)


def bilinear_slopes(features: jax.Array, points: jax.Array) -> jax.Array:
    """Derivative of `bilinear_gather` by the points: [..., (x, y), C]."""
    taps = list(_taps(points, *features.shape[:2]))
    by_x = _mix(features, [(cell, slope * y) for cell, (_, slope), (y, _) in taps])
    by_y = _mix(features, [(cell, x * slope) for cell, (x, _), (_, slope) in taps])
    return jnp.stack([by_x, by_y], axis=-2)


def _gather_forward(features, points):
    return bilinear_gather(features, points), (features, points)


def _gather_backward(saved, gradient):
    features, points = saved
    by_features = bilinear_scatter(gradient, points, features.shape)
    slopes = bilinear_slopes(features, points)
    by_points = jnp.einsum(
        "...jc,...c->...j", slopes, gradient, preferred_element_type=points.dtype
    )
    return by_features.astype(features.dtype), by_points


bilinear_gather.defvjp(_gather_forward, _gather_backward)


def _taps(points: jax.Array, height: int, width: int) -> Iterator[tuple]:
    """The four cells around each point.

    Yields:
      Number of the cell [...] int32, then for x and for y its weight and the slope of the weight
      [...]. Outside the map the number is 0, and weights and slopes are zero.
    """
    x, y = (list(_axis_taps(points[..., i], n)) for i, n in enumerate((width, height)))
    for row, *along_y in y:
        for column, *along_x in x:
            yield row * width + column, along_x, along_y


def _axis_taps(position: jax.Array, length: int) -> Iterator[tuple]:
    """Lower and upper neighbour along one axis: index, weight, slope of the weight."""
    low = jnp.floor(position)
    upper_weight = position - low
    for index, weight, slope in ((low, 1 - upper_weight, -1.0), (low + 1, upper_weight, 1.0)):
        inside = (index >= 0) & (index < length)
        clean = jnp.where(inside, index, 0).astype(jnp.int32)
        yield clean, jnp.where(inside, weight, 0), jnp.where(inside, slope, jnp.zeros_like(weight))


def _mix(features: jax.Array, taps: list[tuple[jax.Array, jax.Array]]) -> jax.Array:
    """Weighted sum of cells: [..., C] for taps of cell numbers [...] and weights [...]."""
    cells = features.reshape(-1, features.shape[-1])
    return sum(weight[..., None] * cells[cell] for cell, weight in taps).astype(features.dtype)
