"""JAX in double precision for a while, with every JAX that is supported."""

import contextlib

import jax


@contextlib.contextmanager
def float64():
    """Arrays are float64 inside; `jax.enable_x64` is younger than the lowest version of JAX."""
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", False)
