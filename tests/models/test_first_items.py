"""Work on the first of many padded items."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ovis_jax.models.first_items import map_first

SIZE = 3


class Doubled(nn.Module):
    """Twice the sum of pairs, by a parameter."""

    @nn.compact
    def __call__(self, pair):
        factor = self.param("factor", nn.initializers.constant(2.0), ())
        return factor * (pair[0] + pair[1])


class Grouped(nn.Module):
    """`Doubled` for the first of the items."""

    def setup(self):
        self.inner = Doubled()

    def __call__(self, items, count):
        def function(module, own):
            return module.inner(own)

        return map_first(function, self, items, count, size=SIZE, shape=(2,))


@pytest.mark.parametrize("total", [2, 6, 7])
def test_values_of_the_first_items_are_computed_and_groups_without_any_are_zero(total):
    items = np.arange(2 * total, dtype=np.float32).reshape(total, 2) + 1, np.ones((total, 2))
    variables = {"params": {"inner": {"factor": jnp.float32(2)}}}
    run = jax.jit(Grouped().apply)
    for count in range(total + 1):
        found = run(variables, items, count)
        computed = min(-(-count // SIZE) * SIZE, total)
        want = 2 * (items[0] + 1) * (np.arange(total) < computed)[:, None]
        np.testing.assert_array_equal(found, want)
