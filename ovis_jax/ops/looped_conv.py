"""Convolution whose gradient is quick inside a loop or a condition, too.

XLA's CPU compiler brings the gradients of a convolution into the order of axes that its library
takes in the outermost computation alone; inside of `lax.scan` or `lax.cond` they are computed in
loops of its own, six to ten times as slowly (jaxlib 0.10.2). Here they are written in that order.
"""

import functools

import jax

_ORDER = ("NHWC", "HWIO", "NHWC")


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def in_library_order(
    x: jax.Array,
    kernel: jax.Array,
    padding: tuple[tuple[int, int], tuple[int, int]],
    precision: jax.lax.PrecisionLike = None,
) -> jax.Array:
    """Convolution with stride 1.

    Args:
      x: [B, H, W, C].
      kernel: [h, w, C, C'].
      padding: zeros before and after rows, then columns; less than the kernel's size.
      precision: of the products.

    Returns:
      [B, H', W', C'].
    """
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), padding, dimension_numbers=_ORDER, precision=precision
    )


def _forward(x, kernel, padding, precision):
    return in_library_order(x, kernel, padding, precision), (x, kernel)


def _backward(padding, precision, saved, gradient):
    x, kernel = saved
    around = tuple(
        (size - 1 - before, size - 1 - after)
        for size, (before, after) in zip(kernel.shape, padding, strict=False)
    )
    turned = jax.lax.rev(kernel, (0, 1)).transpose(0, 1, 3, 2)
    of_x = in_library_order(gradient, turned, around, precision)
    # The batch is what is summed over: it takes the place of the channels, and they that of it.
    swapped = x.transpose(3, 1, 2, 0), gradient.transpose(1, 2, 0, 3)
    of_kernel = in_library_order(*swapped, padding, precision).transpose(1, 2, 0, 3)
    return of_x, of_kernel


in_library_order.defvjp(_forward, _backward)


def conv_general_dilated(
    x: jax.Array,
    kernel: jax.Array,
    window_strides: tuple[int, int],
    padding: str | tuple[tuple[int, int], tuple[int, int]],
    **others,
) -> jax.Array:
    """`in_library_order` with the signature that `flax.linen.Conv` calls.

    Raises:
      ValueError: a stride, a dilation, groups, or another order of axes.
    """
    precision = others.pop("precision", None)
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], (1, 1), padding)
    asked = dict(others, window_strides=window_strides)
    plain = {
        "window_strides": (1, 1),
        "lhs_dilation": (1, 1),
        "rhs_dilation": (1, 1),
        "feature_group_count": 1,
        "dimension_numbers": jax.lax.conv_dimension_numbers(x.shape, kernel.shape, _ORDER),
    }
    for name, value in asked.items():
        if name not in plain or value not in (None, plain[name]):
            raise ValueError(f"{name}: {value} is not supported here")
    return in_library_order(x, kernel, tuple(map(tuple, padding)), precision)
