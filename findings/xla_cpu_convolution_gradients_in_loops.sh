#!/usr/bin/env bash
# jax 0.10.2 on CPUs: inside of jax.lax.scan the gradients of a convolution take several times as long
# as the same gradients one after the other, or as ones whose axes are in the usual order.
#
# A gradient of a convolution is a convolution with other roles of the axes. In the outermost
# computation the compiler transposes them into the order that its library of convolutions takes; in
# the body of a loop or a branch it does not, and computes them by loops of its own. Forward
# convolutions are in the usual order, and are as fast in a loop as elsewhere.
#
# Seen: regions of 7x7 with 185 channels, 16 at a time. Gradient by the kernel in `scan` 540 ms, without
# `scan` 55 ms, in `scan` with the transposition written out 57 ms; equal to rounding.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import time

import jax
import jax.numpy as jnp

x = jax.random.normal(jax.random.key(0), (16, 16, 7, 7, 185))
kernel = jax.random.normal(jax.random.key(1), (3, 3, 185, 32))


def convolve(x, kernel, padding="SAME"):
    order = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=order)


@jax.custom_vjp
def written_out(x, kernel):
    return convolve(x, kernel)


def backward(saved, g):
    x, kernel = saved
    of_x = convolve(g, jax.lax.rev(kernel, (0, 1)).transpose(0, 1, 3, 2))
    of_kernel = convolve(x.transpose(3, 1, 2, 0), g.transpose(1, 2, 0, 3), ((1, 1), (1, 1)))
    return of_x, of_kernel.transpose(1, 2, 0, 3)


written_out.defvjp(lambda x, kernel: (convolve(x, kernel), (x, kernel)), backward)


def looped(convolve):
    def total(kernel):
        def step(total, x):
            return total + jnp.sum(convolve(x, kernel) ** 2), None

        return jax.lax.scan(step, 0.0, x)[0]

    return total


def one_after_the_other(kernel):
    return sum(jnp.sum(convolve(own, kernel) ** 2) for own in x)


def gradient_and_seconds(function):
    gradient = jax.jit(jax.grad(function))
    value = gradient(kernel).block_until_ready()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        gradient(kernel).block_until_ready()
        times.append(time.perf_counter() - start)
    return value, min(times)


one, slow = gradient_and_seconds(looped(convolve))
two, alone = gradient_and_seconds(one_after_the_other)
three, fast = gradient_and_seconds(looped(written_out))
print(
    f"in a loop {1e3 * slow:.0f} ms, one after the other {1e3 * alone:.0f} ms, "
    f"in a loop and written out {1e3 * fast:.0f} ms"
)
for other in (two, three):
    assert jnp.allclose(one, other, rtol=1e-3, atol=1e-3 * jnp.abs(one).max()), "other numbers"
assert slow > 3 * alone and slow > 3 * fast, "it has changed"
PYTHON
