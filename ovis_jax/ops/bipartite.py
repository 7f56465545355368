"""Bipartite assignment: each object to a row of its own, at the least total cost."""

import jax
import jax.numpy as jnp
import optax

_NOT_FINITE = 1e6  # stands for costs that are no number, so that the search ends


def assign(costs: jax.Array, valid: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The cheapest one-to-one assignment of rows (queries) to objects.

    With more objects than rows every row has an object, and some objects have none. Source: the
    Hungarian algorithm, as optax implements it.

    Args:
      costs: [Q, N]; has no gradient. Costs that are not finite count as very large.
      valid: [N] bool, the objects that exist.

    Returns:
      [N] int32, the row of each object; and [N] bool, the objects that have one. The row of an
      object without one is 0.
    """
    rows, objects = costs.shape
    costs = jax.lax.stop_gradient(costs)
    costs = jnp.where(jnp.isfinite(costs), costs, _NOT_FINITE)
    if objects > rows:
        # An object that exists must be preferred to one that does not, whatever it costs.
        costs = costs - 1 - jnp.max(costs, initial=-_NOT_FINITE, where=valid)
    row, column = optax.assignment.hungarian_algorithm(jnp.where(valid, costs, 0))
    row_of = jnp.zeros(objects, jnp.int32).at[column].set(row.astype(jnp.int32))
    assigned = jnp.zeros(objects, bool).at[column].set(True) & valid
    return jnp.where(assigned, row_of, 0), assigned
