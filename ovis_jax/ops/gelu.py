"""GELU without approximation, by the error function. Source: Hendrycks and Gimpel 2016."""

import math

import jax
import jax.numpy as jnp


@jax.custom_jvp
def gelu(x: jax.Array) -> jax.Array:
    """Multiplies x by the share of a normal distribution that lies below x; rounds once.

    As PyTorch has it: 0.5 x (1 + erf(x / sqrt(2))). `jax.nn.gelu` takes erfc(-x / sqrt(2)), whose
    value has more digits far below 0, and which takes four times as long on CPUs, and with the
    product before it a third more of the cycles that the compiler of TPUs estimates.

    Args:
      x: of any shape and floating type.
    """
    exact = _exact(x)
    return (exact * _below(exact)).astype(x.dtype)


@gelu.defjvp
def _gelu_jvp(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    """The gradient keeps the slope alone, in the type of x."""
    (x,), (step,) = primals, tangents
    exact = _exact(x)
    below = _below(exact)
    density = jnp.exp(-0.5 * jnp.square(exact)) / math.sqrt(2 * math.pi)
    slope = below + exact * density
    return (exact * below).astype(x.dtype), slope.astype(x.dtype) * step


def _exact(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _below(x: jax.Array) -> jax.Array:
    return 0.5 * (1 + jax.lax.erf(x * math.sqrt(0.5)))
