"""The largest use of memory since a moment: of the device, or of the process on a CPU."""

from __future__ import annotations

import ctypes
import gc
import pathlib

import jax

_PROCESS = pathlib.Path("/proc/self")


class PeakMemory:
    """Memory of the first device where it tells, else what this process takes beyond the start.

    A device counts from the beginning of the program. The process needs Linux with glibc; the
    compiler's garbage is given back first, and compilation is counted unless it is done before.
    """

    def __init__(self):
        """Starts."""
        self._device = jax.local_devices()[0]
        self._of_device = self._device.memory_stats() is not None
        self._start = 0
        if not self._of_device:
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            (_PROCESS / "clear_refs").write_text("5")  # forgets the largest size so far
            self._start = _process_bytes("VmRSS")

    def largest(self) -> int:
        """Bytes."""
        if self._of_device:
            return self._device.memory_stats()["peak_bytes_in_use"]
        return _process_bytes("VmHWM") - self._start

    @property
    def place(self) -> str:
        """Whose memory it is."""
        return "the device" if self._of_device else "the process, beyond what it began with"


def _process_bytes(field: str) -> int:
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024
