import ctypes
import subprocess
import sys

import pytest

from ovis_jax.program.host_memory import keep_freed_memory

REPEATED_FAULTS = """
import resource
import numpy as np
from ovis_jax.program.host_memory import keep_freed_memory

if {keep}:
    keep_freed_memory()
np.ones(1 << 23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(1 << 23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a matter of Linux's C library")
def test_freed_memory_is_used_again_without_page_faults():
    faults = {}
    for keep in (True, False):
        command = [sys.executable, "-c", REPEATED_FAULTS.format(keep=keep)]
        faults[keep] = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert faults[True] <= faults[False] / 2 or faults[False] < 100


def test_elsewhere_it_does_nothing(monkeypatch):
    def touched(name):
        raise AssertionError("the C library is left alone")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", touched)
    assert keep_freed_memory() is None
