#!/usr/bin/env bash
# jax 0.10.2 with libtpu 0.0.42.1, compiled for TPU v5e without a device: the estimated cycles of a
# scatter-add fall to a sixtieth where ten times as many rows are added.
#
# A few rows are added one after the other, and estimated at 232 cycles each. From some thousands on
# the program sorts all indices first, moves all rows into that order, and adds neighbours; of the
# sort and the moves the estimates of the scheduled program hold nothing. So whoever compares
# programs for TPUs by these estimates takes a large scatter, such as the gradient of RoIAlign, for
# free, and compilation for dear: with a sort it takes many times as long.
#
# Seen, rows of 256 float32 numbers added to 40,800: 1000 rows 232,416 cycles, no sort; 10,000 rows
# 3,842 cycles, a sort; 100,000 rows 5,594 cycles, a sort.
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
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

described = topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2")
place = SingleDeviceSharding(described.devices[0])


def added(index, rows):
    return jnp.zeros((40_800, rows.shape[1])).at[index].add(rows)


def compiled(count):
    given = jax.ShapeDtypeStruct((count,), jnp.int32), jax.ShapeDtypeStruct((count, 256), "float32")
    text = jax.jit(added, in_shardings=place).lower(*given).compile().as_text()
    cycles = sum(int(x) for x in re.findall(r'"estimated_cycles":"(\d+)"', text))
    return cycles, " sort(" in text


found = {count: compiled(count) for count in (1000, 10_000, 100_000)}
for count, (cycles, sorts) in found.items():
    print(f"{count:,} rows: {cycles:,} cycles, {'a sort' if sorts else 'no sort'}")
(few, few_sorted), (more, more_sorted), (many, many_sorted) = found.values()
assert not few_sorted and more_sorted and many_sorted, "the compiler sorts otherwise now"
assert few > 20 * more and few > 20 * many, "the compiler estimates otherwise now"
PYTHON
