#!/usr/bin/env bash
# jax 0.10.2 with libtpu 0.0.42.1, compiled for TPU v5e without a device: weighted sums of gathered
# rows of 32 numbers cost fifteen times the estimated cycles of the same sums over rows of 128, of
# which there are a quarter, and the gathers themselves come without an estimate.
#
# Both programs read the same numbers: 64 rows of 32 bfloat16 for each of 19,560 queries, or 16 rows
# in which four of them stand side by side. A row of 32 takes the 128 lanes of a register all the
# same, and the narrow program converts all that it has gathered to float32 in a pass of its own
# before it sums. With whole rows, a product with ones spreads the four weights over the lanes, and
# the sum is one fusion. `estimated_cycles` is missing from the fusion that holds the gather (kind
# kCustom), so that a sum of estimates leaves it out: to compare programs by it, count gathered
# rows, too.
#
# Seen: rows of 32 take 7.68 million cycles, rows of 128 take 0.52; no gather has an estimate.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'jax[tpu]==0.10.2' jaxlib==0.10.2 libtpu==0.0.42.1
JAX_PLATFORMS=cpu TPU_SKIP_MDS_QUERY=1 ALLOW_MULTIPLE_LIBTPU_LOAD=1 \
  "$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' || { tail -n 20 "$folder/log"; exit 1; }
import re

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

QUERIES, ROWS, SIZE = 19560, 16, 32


def narrow(table, index, shares):
    """[Q, 32] of rows [4 N, 32], four after the other, and shares [Q, 16, 4]."""
    rows = table.reshape(-1, table.shape[-1] // 4)
    four = (4 * index[..., None] + jnp.arange(4)).reshape(len(index), -1)
    own = shares.reshape(four.shape)
    return jnp.einsum("qke,qk->qe", rows[four], own, preferred_element_type=jnp.float32)


def wide(table, index, shares):
    """The same of rows [N, 128]."""
    ones = np.repeat(np.eye(4), table.shape[-1] // 4, axis=1).astype(table.dtype)
    spread = jnp.einsum("qkc,ce->qke", shares, ones)
    total = (table[index] * spread).astype(jnp.float32).sum(axis=1)
    return total.reshape(len(index), 4, -1).sum(axis=1)


def compiled(function):
    """The compiler's estimates of cycles, and how many gathers there are with and without one."""
    described = topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2")
    place = SingleDeviceSharding(described.devices[0])
    given = (
        jax.ShapeDtypeStruct((QUERIES, 4 * SIZE), jnp.bfloat16),
        jax.ShapeDtypeStruct((QUERIES, ROWS), jnp.int32),
        jax.ShapeDtypeStruct((QUERIES, ROWS, 4), jnp.bfloat16),
    )
    text = jax.jit(function, in_shardings=place).lower(*given).compile().as_text()
    lines = text[text.index("\nENTRY") :].splitlines()
    costs = [re.search(r'"estimated_cycles":"(\d+)"', line) for line in lines]
    gathers = ["kind=kCustom" in line and "/gather" in line for line in lines]
    estimated = sum(bool(cost) for cost, gather in zip(costs, gathers) if gather)
    return sum(int(cost[1]) for cost in costs if cost), sum(gathers), estimated


found = {function.__name__: compiled(function) for function in (narrow, wide)}
for name, (cycles, gathers, estimated) in found.items():
    print(f"{name}: {cycles / 1e6:.2f} million cycles; {estimated} of {gathers} gathers estimated")
rng = np.random.default_rng(0)
own = (
    jnp.asarray(rng.integers(-3, 4, size=(8, 4 * SIZE)), jnp.bfloat16),
    rng.integers(8, size=(8, ROWS)),
    jnp.asarray(rng.integers(-3, 4, size=(8, ROWS, 4)), jnp.bfloat16),
)
assert (narrow(*own) == wide(*own)).all(), "other numbers"
(few, *_), (whole, gathers, estimated) = found["narrow"], found["wide"]
assert few > 4 * whole and gathers and not estimated and not found["narrow"][2], "it has changed"
PYTHON
