"""For which kind of device operations are traced."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import jax

PLATFORMS = ("cpu", "gpu", "tpu")
_CHOSEN: contextvars.ContextVar[str | None] = contextvars.ContextVar("platform", default=None)


def platform() -> str:
    """Kind of device that is traced for: JAX's default one unless `traced_for` says another.

    A device of none of `PLATFORMS` gets what CPUs get, which every device can compute.
    """
    chosen = _CHOSEN.get() or jax.default_backend()
    return chosen if chosen in PLATFORMS else "cpu"


@contextlib.contextmanager
def traced_for(name: str) -> Iterator[None]:
    """Operations that are traced inside are written for that kind of device, one of `PLATFORMS`.

    They compute the same anywhere, only not as fast. Compilation for a device that is not at hand
    needs this. JAX does not know of it: a function under `jax.jit` that was traced before for
    arguments of the same shapes stays as it is.

    Raises:
      ValueError: there is no such kind.
    """
    if name not in PLATFORMS:
        raise ValueError(f"platform is {name!r}; expected one of {PLATFORMS}")
    token = _CHOSEN.set(name)
    try:
        yield
    finally:
        _CHOSEN.reset(token)
