"""The transformer beside what the systems' tests and the recorded numbers show of it."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.models.deformable_transformer import DeformableTransformer

SIZES = jnp.float32([[32, 64], [24, 50]])


def test_dropout_is_drawn_by_the_keys_of_rows_and_without_keys_nothing_is_dropped():
    rng = np.random.default_rng(0)
    levels = [jnp.float32(rng.normal(size=(2, 4 // n, 8 // n, 8))) for n in (1, 2)]
    sizes = dict(num_queries=5, channels=8, num_layers=1, num_levels=2, num_heads=2, num_points=2)
    plain, dropping = (DeformableTransformer(**sizes, feedforward=8, dropout=x) for x in (0.0, 0.5))
    variables = jax.jit(plain.init)(jax.random.key(0), levels, SIZES)

    @jax.jit
    def features(levels, sizes, keys):
        decoded, cells = dropping.apply(variables, levels, sizes, keys)
        return decoded.features[-1], cells[0]

    keys = jax.random.split(jax.random.key(1), 2)
    first, again = (features(levels, SIZES, keys) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    swapped = features([x[::-1] for x in levels], SIZES[::-1], keys[::-1])
    others = features(levels, SIZES, keys[::-1])
    for own, turned, other in zip(first, swapped, others, strict=True):
        np.testing.assert_allclose(own, turned[::-1], atol=1e-6)  # a row keeps what is its own
        changed = np.abs(own - other).reshape(2, -1).max(axis=1)
        assert (changed > 1e-2).all()
    without = [
        str(jax.make_jaxpr(own.apply)(variables, levels, SIZES)) for own in (plain, dropping)
    ]
    assert without[0] == without[1]  # the same program
