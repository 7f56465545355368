"""TensorFlow without accelerators, and without what its C++ code prints while it is imported.

No setting reaches that code before it prints; what goes wrong is still raised as an exception.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Sends what is written to the file descriptor of stderr to nowhere."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


with _silent_stderr():
    import tensorflow as tf

    for _kind in ("GPU", "TPU"):
        tf.config.set_visible_devices([], _kind)

__all__ = ["tf"]
