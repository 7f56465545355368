"""The C library's treatment of memory that XLA frees after every step."""

import ctypes
import sys

# M_ARENA_MAX = 1, M_MMAP_MAX = 0, M_TRIM_THRESHOLD = off; the numbers are those of malloc.h.
_OPTIONS = ((-8, 1), (-4, 0), (-1, -1))


def keep_freed_memory() -> None:
    """Keeps freed blocks in the process instead of giving them back to the system.

    On CPUs XLA frees its temporary memory after every program, and the page faults of taking it
    anew cost a quarter of a small training step. Only glibc needs and knows this.
    """
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for option, value in _OPTIONS:
            library.mallopt(option, value)
