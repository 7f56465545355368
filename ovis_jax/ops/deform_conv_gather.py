"""Deformable convolution by gathers of single cells."""

import jax
import jax.numpy as jnp

from ovis_jax.ops.sampling import bilinear_gather, bilinear_scatter, bilinear_slopes

# Traced once for all taps, and for all layers of one size.
_samples = jax.jit(jax.vmap(bilinear_gather))


@jax.custom_vjp
def tap_by_tap(features: jax.Array, points: jax.Array, kernel: jax.Array) -> jax.Array:
    """Sum over taps of the map at the tap's points times the tap's matrix.

    One tap at a time, which needs a ninth of the memory of [B, H, W, T, C] and on CPUs a third of
    the time. Nothing but the arguments is kept for the gradient.

    Args:
      features: [B, H, W, C].
      points: [T, B, H, W, 2].
      kernel: [T, C, F].

    Returns:
      [B, H, W, F].
    """
    exact = jnp.promote_types(features.dtype, jnp.float32)

    def add(total, tap):
        samples = _samples(features, tap[0])
        return total + jnp.matmul(samples, tap[1], preferred_element_type=exact), None

    nothing = jnp.zeros((*points.shape[1:-1], kernel.shape[-1]), exact)
    return jax.lax.scan(add, nothing, (points, kernel))[0].astype(features.dtype)


def _forward(features, points, kernel):
    return tap_by_tap(features, points, kernel), (features, points, kernel)


def _backward(saved, gradient):
    features, points, kernel = saved
    by_features, by_points = _by_samples(features, points, kernel, gradient)
    by_kernel = jax.lax.map(lambda tap: _matrix_gradient(features, tap, gradient), points)
    return by_features.astype(features.dtype), by_points, by_kernel.astype(kernel.dtype)


def _by_samples(features, points, kernel, gradient):
    """What passes through the samples: gradients of the features and of the points."""
    points = jnp.moveaxis(points, 0, 3)  # [B, H, W, T, 2]
    by_samples = jnp.einsum("bhwf,tcf->bhwtc", gradient, kernel)
    by_features = jax.vmap(lambda g, p: bilinear_scatter(g, p, features.shape[1:]))(
        by_samples, points
    )
    slopes = jax.vmap(bilinear_slopes)(features, points)
    by_points = jnp.einsum(
        "bhwtjc,bhwtc->tbhwj", slopes, by_samples, preferred_element_type=points.dtype
    )
    return by_features, by_points


def _matrix_gradient(features, points, gradient):
    """Gradient [C, F] of one tap's matrix; the output's is transposed because it is in memory."""
    samples = _samples(features, points)
    channels, filters = samples.shape[-1], gradient.shape[-1]
    return (gradient.reshape(-1, filters).T @ samples.reshape(-1, channels)).T


tap_by_tap.defvjp(_forward, _backward)


@jax.custom_vjp
def all_taps_at_once(features, points, kernel):
    """As `tap_by_tap`, with one gather and one product: fewer kernels, more memory."""
    exact = jnp.promote_types(features.dtype, jnp.float32)
    samples = _all_samples(features, points)
    total = jnp.einsum("bhwtc,tcf->bhwf", samples, kernel, preferred_element_type=exact)
    return total.astype(features.dtype)


@jax.jit
def _all_samples(features, points):
    """Samples [B, H, W, T, C] of all taps."""
    return jax.vmap(bilinear_gather)(features, jnp.moveaxis(points, 0, 3))


def _forward_at_once(features, points, kernel):
    return all_taps_at_once(features, points, kernel), (features, points, kernel)


def _backward_at_once(saved, gradient):
    features, points, kernel = saved
    by_features, by_points = _by_samples(features, points, kernel, gradient)
    samples = _all_samples(features, points)
    by_kernel = jnp.einsum("bhwtc,bhwf->tcf", samples, gradient)
    return by_features.astype(features.dtype), by_points, by_kernel.astype(kernel.dtype)


all_taps_at_once.defvjp(_forward_at_once, _backward_at_once)


def modulated(
    features: jax.Array, points: jax.Array, kernel: jax.Array, scales: jax.Array
) -> jax.Array:
    """As `all_taps_at_once`, with samples multiplied by scales [T, B, H, W]."""
    exact = jnp.promote_types(features.dtype, jnp.float32)
    samples = _all_samples(features, points) * jnp.moveaxis(scales, 0, -1)[..., None]
    total = jnp.einsum(
        "bhwtc,tcf->bhwf", samples.astype(features.dtype), kernel, preferred_element_type=exact
    )
    return total.astype(features.dtype)
