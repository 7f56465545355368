#!/usr/bin/env bash
# jax 0.10.2 with TensorFlow 2.21.0: what jax2tf converts cannot be called if it holds `jax.lax.top_k`.
#
# JAX writes StableHLO in a version that TensorFlow's older reader does not know: `top_k` becomes an operation
# `composite_v2` there. The conversion itself gives no error; the call does. Functions without such an
# operation (here `jnp.sort`) work, and so does the same program written in an older version of StableHLO.
#
# Seen: an error that names vhlo.composite_v2 for top_k, the right numbers for sort.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 tensorflow-cpu==2.21.0
JAX_PLATFORMS=cpu TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import tensorflow as tf
from jax.experimental import jax2tf

x = np.array([3.0, 1.0, 2.0], np.float32)
largest = tf.function(jax2tf.convert(lambda x: jax.lax.top_k(x, 2)[0]), jit_compile=True, autograph=False)
in_order = tf.function(jax2tf.convert(jnp.sort), jit_compile=True, autograph=False)

np.testing.assert_array_equal(in_order(x), [1, 2, 3])
try:
    largest(x)
except Exception as error:
    message = str(error)
else:
    raise SystemExit("it has changed: the call works")
print([line for line in message.splitlines() if "composite" in line][:1] or message[:500])
assert "composite_v2" in message, "another error"
PYTHON
