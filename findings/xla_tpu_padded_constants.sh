#!/usr/bin/env bash
# jax 0.10.2 with libtpu 0.0.42.1, compiled for TPU v5e without a device: an array of boxes that a
# program holds as a constant, [61380, 4] float32 and 0.94 MiB, makes the generated code 30 MiB larger.
#
# The constant keeps the order that it has on the host, so that its last axis lies along the 128
# lanes of a tile, of which four are filled. What a detector computes once for a frame size and closes over, such as its anchors, is
# therefore kept 32 times as large on the device, in each form that constant folding makes of it.
# The same numbers as four constants [61380] add about as much as they are.
#
# Seen, 1000 rows taken by their numbers: as a constant [61380, 4] 29.9 MiB of code more than as an
# argument, as four constants 1.0 MiB more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'jax[tpu]==0.10.2' jaxlib==0.10.2 libtpu==0.0.42.1
JAX_PLATFORMS=cpu TPU_SKIP_MDS_QUERY=1 ALLOW_MULTIPLE_LIBTPU_LOAD=1 \
  "$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' || { tail -n 20 "$folder/log"; exit 1; }
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

described = topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2")
place = SingleDeviceSharding(described.devices[0])
boxes = np.random.default_rng(0).normal(size=(61_380, 4)).astype(np.float32)
index = jax.ShapeDtypeStruct((1000,), jnp.int32)


def code(function, *given):
    compiled = jax.jit(function, in_shardings=place).lower(*given).compile()
    return compiled.memory_analysis().generated_code_size_in_bytes / 2**20


def side_by_side(index):
    return jnp.stack([jnp.asarray(side)[index] for side in np.array(boxes.T)], axis=-1)


argument = code(lambda boxes, index: boxes[index], jax.ShapeDtypeStruct(boxes.shape, "float32"), index)
constant = code(lambda index: jnp.asarray(boxes)[index], index) - argument
four = code(side_by_side, index) - argument
print(f"{boxes.nbytes / 2**20:.2f} MiB: a constant adds {constant:.1f} MiB, four columns {four:.1f} MiB")
assert constant > 20, "constants of four columns are no longer padded"
assert four < 5, "constants of one column are kept otherwise now"
PYTHON
