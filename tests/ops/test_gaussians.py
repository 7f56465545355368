"""Gaussian spots against loops in float64, and the radius against its meaning."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.gaussians import box_radius, gaussian_radius, gaussian_spots

compiled_spots = jax.jit(lambda *own: gaussian_spots(*own, 6, 7))
compiled_radius, compiled_box_radius = jax.jit(gaussian_radius), jax.jit(box_radius)


def published_radius(width, height, overlap=0.7):
    """The larger roots, halved, of three quadratic equations (a, b, c)."""
    total, area = width + height, width * height
    equations = (
        (1, -total, area * (1 - overlap) / (1 + overlap)),
        (4, -2 * total, (1 - overlap) * area),
        (4 * overlap, 2 * overlap * total, (overlap - 1) * area),
    )
    return min((np.sqrt(b * b - 4 * a * c) - b) / 2 for a, b, c in equations)


def test_the_radius_is_that_of_the_published_code():
    sizes = np.array([[1, 1], [9, 5], [160, 96], [7, 64], [31.5, 31.5]])
    want = [published_radius(*own) for own in sizes]
    np.testing.assert_allclose(compiled_radius(jnp.float32(sizes)), want, rtol=1e-4)
    assert np.all(np.array(want) < sizes.min(axis=1))


def test_sizes_are_rounded_up_and_radii_down():
    sizes = jnp.array([[0.2, 0.1], [8.2, 4.9], [9.0, 5.0], [-3.0, 2.0]])
    np.testing.assert_array_equal(compiled_box_radius(sizes), [0, 1, 1, 0])


def test_spots_follow_their_definition_also_where_the_centre_is_outside():
    centers, radii = np.array([[2, 3], [-1, 0], [5, 9], [3, 3]]), np.array([2, 3, 1, 2])
    shown = np.array([True, True, True, False])
    spots = np.asarray(compiled_spots(centers.astype(np.float32), radii, shown))
    want = np.zeros((4, 6, 7))
    for n, y, x in np.ndindex(want.shape):
        dx, dy, deviation = x - centers[n, 0], y - centers[n, 1], (2 * radii[n] + 1) / 6
        if shown[n] and max(abs(dx), abs(dy)) <= radii[n]:
            want[n, y, x] = np.exp(-(dx * dx + dy * dy) / (2 * deviation**2))
    np.testing.assert_allclose(spots, want, atol=1e-6)
    poisoned = np.where(shown[:, None], centers, np.nan).astype(np.float32)
    np.testing.assert_array_equal(compiled_spots(poisoned, radii, shown), spots)
