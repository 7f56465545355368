"""Detections of a window of random frames, compiled once for all tests of a system."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from models.tiny import HEIGHT, WIDTH, window


def random_frames(count: int = 5) -> jax.Array:
    """Frames [count, HEIGHT, WIDTH, 3] uint8."""
    return jax.random.randint(jax.random.key(2), (count, HEIGHT, WIDTH, 3), 0, 256).astype(
        jnp.uint8
    )


@functools.cache
def _compiled(system):
    def detections(variables, frames, valid, outside):
        full = window(system, variables, frames, valid)
        levels = [jnp.where(valid[:, None, None, None], x, outside) for x in full.features]
        return system.apply(variables, full.replace(features=tuple(levels)), method="detect")

    return jax.jit(detections)


def detect(system, variables, frames, valid, outside=0.0):
    """Detections of the middle frame; `outside` stands for what frames that do not exist hold."""
    return _compiled(system)(variables, frames, jnp.asarray(valid), outside)


def assert_same_detections(a, b):
    """In all valid slots."""
    np.testing.assert_array_equal(a.valid, b.valid)
    for field in ("boxes", "scores", "labels", "embeddings", "mask_logits"):
        np.testing.assert_array_equal(getattr(a, field)[a.valid], getattr(b, field)[a.valid])
