"""The least time that an operation can take on this device: its floor."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

_MATRIX_SIDE = {"cpu": 2048}
_LARGE_MATRIX_SIDE = 8192
_COPIED_NUMBERS = 2**26


@dataclasses.dataclass(frozen=True)
class Work:
    """What has to be done at least.

    Attributes:
      operations: additions and multiplications.
      bytes: of all arguments and results, each read or written once.
    """

    operations: float
    bytes: float


@dataclasses.dataclass(frozen=True)
class Device:
    """What a device was seen to do.

    Attributes:
      operations: a second, of a large matrix product.
      bytes: a second, read and written while a large array is copied.
    """

    operations: float
    bytes: float

    def floor(self, work: Work) -> float:
        """Seconds that some work takes at least."""
        return max(work.operations / self.operations, work.bytes / self.bytes)

    def __str__(self) -> str:
        """Both numbers."""
        return f"{self.operations / 1e9:.0f} GFLOP/s, {self.bytes / 1e9:.1f} GB/s"


def measure_device(dtype: str = "float32", seconds: float = 1.0) -> Device:
    """Times a matrix product and a copy on the device at hand."""
    side = _MATRIX_SIDE.get(jax.default_backend(), _LARGE_MATRIX_SIDE)
    matrix = jnp.ones((side, side), dtype)
    numbers = jnp.zeros(_COPIED_NUMBERS, jnp.float32)
    product = best_time(jax.jit(lambda x: x @ x), (matrix,), seconds)
    copy = best_time(jax.jit(lambda x: x + 1), (numbers,), seconds)
    return Device(2 * side**3 / product, 2 * numbers.nbytes / copy)


def best_time(function: Callable, inputs: tuple, seconds: float) -> float:
    """Shortest of the calls that fit into the time, at least three; in seconds."""
    jax.block_until_ready(function(*inputs))
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        jax.block_until_ready(function(*inputs))
        times.append(time.perf_counter() - start)
    return min(times)
