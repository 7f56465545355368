"""Work on the first of many padded items group by group, so that few of them cost little."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn


def map_first(
    function: Callable[[nn.Module, Any], jax.Array],
    module: nn.Module,
    items: Any,
    count: jax.Array,
    *,
    size: int,
    shape: tuple[int, ...],
) -> jax.Array:
    """Values of the first items; groups without any are skipped. Has no gradient.

    Args:
      function: of the module and items [size, ...] to float32 values [size, *shape].
      module: bound, with all parameters made.
      items: pytree of arrays [D, ...].
      count: [] int, how many there are.
      size: items that are computed together; fewer if D is smaller.
      shape: of a value.

    Returns:
      [D, *shape] float32; zeros for items whose group was skipped.
    """
    total = len(jax.tree.leaves(items)[0])
    size = min(size, total)
    padding = -total % size
    items = jax.tree.map(lambda x: jnp.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1)), items)

    def next_group(module, state):
        number, found = state
        start = number * size
        own = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, start, size), items)
        found = jax.lax.dynamic_update_slice_in_dim(found, function(module, own), start, axis=0)
        return number + 1, found

    _, found = nn.while_loop(
        lambda module, state: state[0] * size < count,
        next_group,
        module,
        (jnp.int32(0), jnp.zeros((total + padding, *shape))),
    )
    return found[:total]
