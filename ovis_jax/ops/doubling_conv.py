"""Transposed 2x2 convolution with stride 2: one matrix product, as outputs do not overlap.

Two programs of the same numbers; `implementations` chooses.
"""

import jax
import jax.numpy as jnp


def at_once(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """All four outputs of a cell by one product.

    Args:
      x: [..., H, W, C].
      kernel: [2, 2, C, C'], rows and columns of outputs first.

    Returns:
      [..., 2H, 2W, C'].
    """
    y = jnp.einsum("...hwc,ijcf->...hiwjf", x, kernel)
    *batch, height, _, width, _, features = y.shape
    return y.reshape(*batch, 2 * height, 2 * width, features)


def by_output_rows(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A product for even and one for odd rows, whose results lie as the output does.

    On TPUs the result of `at_once` must be moved afterwards, which takes three quarters of its
    cycles on a large map (`benchmarks.token_operations`). Many small maps lie side by side there,
    and it is this result that would be moved. Arguments: see `at_once`.
    """
    kernel = jnp.swapaxes(kernel, 1, 2)  # both columns of a row are one product
    kernel = kernel.reshape(*kernel.shape[:2], -1)
    y = jnp.moveaxis(jax.vmap(lambda row: x @ row)(kernel), 0, -3)
    *batch, height, _, width, features = y.shape
    return y.reshape(*batch, 2 * height, 2 * width, features // 2)
