"""What the stages of systems share that calibrate a pyramid with the frames around."""

from collections.abc import Callable

from flax import linen as nn

from ovis_jax.models.systems.online import Pyramid
from ovis_jax.structures import Window


def query_pyramid(window: Window) -> Pyramid:
    """The pyramid [1, ...] of a window whose frames are equal."""
    return tuple(x[:1] for x in window.features)


def calibration(system: nn.Module, stage: Callable, window: Window) -> Callable:
    """The call that calibrates with all references: pyramids [F, ...]."""
    number = 1 if system.calibration is None else max(len(window.valid) - 1, 1)
    references = tuple(x[:number] for x in window.features)
    return stage("calibrate", references, references)
