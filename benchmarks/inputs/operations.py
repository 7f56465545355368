"""Inputs of the operations that `benchmarks.ops` times, and the least work that they are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.roofline import Work

STRIDES = (4, 8, 16, 32)


@dataclasses.dataclass(frozen=True)
class Size:
    """Shapes of one set-up; maps are those of the finest level."""

    batch: int
    height: int
    width: int
    channels: int
    displacements: int
    box_rois: int
    mask_rois: int


SIZES = {
    "quickstart": Size(4, 24, 40, 64, 8, 128, 32),
    "full": Size(1, 96, 160, 256, 16, 512, 128),
}


def maps(size: Size) -> tuple[jax.Array, jax.Array]:
    """A query and a reference level."""
    shape = (2, size.batch, size.height, size.width, size.channels)
    return tuple(jax.random.normal(jax.random.key(0), shape))


def least_work(inputs: float, outputs: float, operations: float) -> tuple[Work, Work]:
    """Work of a function of so many float32 numbers, forward and with all gradients.

    With gradients every argument is read and gets a gradient, the result is written and its
    cotangent read; each of two factors' gradients takes the operations of the forward pass again.
    """
    return (
        Work(operations, 4 * (inputs + outputs)),
        Work(3 * operations, 4 * (2 * inputs + 2 * outputs)),
    )


def correlation_work(size: Size) -> tuple[Work, Work]:
    """A multiplication and an addition for each position, displacement and channel."""
    cells, values = size.batch * size.height * size.width, size.displacements**2
    map_numbers = cells * size.channels
    return least_work(2 * map_numbers, cells * values, 2 * map_numbers * values)


def convolution_work(size: Size) -> tuple[Work, Work]:
    """Nine samples of four cells for each position, and the product with the kernel."""
    cells = size.batch * size.height * size.width
    numbers, kernel = cells * size.channels, 9 * size.channels**2
    operations = 2 * cells * kernel + 8 * 9 * numbers
    return least_work(numbers + 18 * cells + kernel, numbers, operations)


def roi_work(size: Size, rois: int, side: int) -> tuple[Work, Work]:
    """Four samples of four cells for each bin; RoIs have no gradient, so only two passes."""
    levels = sum(size.height * size.width >> 2 * i for i in range(len(STRIDES)))
    bins = size.batch * rois * side**2 * size.channels
    forward, _ = least_work(size.batch * levels * size.channels, bins, 2 * 16 * bins)
    return forward, Work(2 * forward.operations, 2 * forward.bytes)


def convolution_inputs(size: Size) -> tuple[jax.Array, ...]:
    """A level, offsets of about two cells, a 3x3 kernel."""
    keys = jax.random.split(jax.random.key(0), 3)
    shape = (size.batch, size.height, size.width)
    kernel = jax.random.normal(keys[2], (3, 3, size.channels, size.channels))
    return (
        jax.random.normal(keys[0], (*shape, size.channels)),
        2 * jax.random.normal(keys[1], (*shape, 18)),
        kernel / (3 * size.channels**0.5),
    )


def roi_inputs(size: Size, count: int) -> tuple[jax.Array, ...]:
    """Four levels; the RoIs are fixed, as they have no gradient."""
    levels = [
        (size.batch, size.height >> i, size.width >> i, size.channels) for i in range(len(STRIDES))
    ]
    return (
        *(jax.random.normal(jax.random.key(i), x) for i, x in enumerate(levels)),
        rois(size, count),
    )


def rois(size: Size, count: int) -> jax.Array:
    """RoIs [B, R, 4] of 8 pixels to the width of the frame, evenly in the logarithm."""
    image = np.array([size.width, size.height]) * STRIDES[0]
    random = np.random.default_rng(0)
    centers = random.uniform(size=(size.batch, count, 2)) * image
    sides = np.exp(random.uniform(np.log(8), np.log(image[0]), (size.batch, count, 2)))
    corners = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)
    return jnp.asarray(np.clip(corners, 0, np.tile(image - 1, 2)), jnp.float32)
