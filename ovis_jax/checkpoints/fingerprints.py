"""Fingerprints of arrays: what tells that a file came back as it was written."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_WORDS = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}


def fingerprints(tree: Any) -> list[int]:
    """A number below 2**32 for each array of a tree, in the order of its leaves.

    Computed where the arrays are, so that saving does not wait for a copy. A change of any one
    element changes the number; it is no protection against intent.
    """
    return [int(x) for x in jax.device_get(_fingerprints(jax.tree.leaves(tree)))]


@jax.jit
def _fingerprints(leaves: list[jax.Array]) -> list[jax.Array]:
    return [_fingerprint(jnp.asarray(leaf)) for leaf in leaves]


def _fingerprint(x: jax.Array) -> jax.Array:
    """Sum of the elements' bits, each times an odd number of its own, modulo 2**32."""
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        x = jax.random.key_data(x)
    x = x.astype(jnp.uint8) if x.dtype == bool else x
    bits = jax.lax.bitcast_convert_type(x, _WORDS[x.dtype.itemsize]).astype(jnp.uint32).ravel()
    odd = 2 * jnp.arange(len(bits), dtype=jnp.uint32) + 1
    return jnp.sum(bits * odd, dtype=np.uint32)
