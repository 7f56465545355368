"""Settings of all tests: what a run of them compiles, it compiles once and not for speed."""

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

# How long an example takes depends on the machine and on what must be compiled first.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Test programs are small and run a few times each, so most of the time would go into optimising
# them. Convolutions and matrix products are library calls and stay as fast. Programs that tests
# start inherit this. XLA_FLAGS of one's own are left alone.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

_SHARED = "OVIS_JAX_TESTS_COMPILED"  # set by the process that made the folder


def pytest_configure(config):
    """Shares compiled programs between the workers and the programs that tests start.

    The folder is a new one for every run, so that a run compiles what it tests.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="ovis_jax_tests_")
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
        os.environ[_SHARED] = str(os.getpid())


def pytest_unconfigure(config):
    """Removes the folder of compiled programs."""
    if os.environ.get(_SHARED) == str(os.getpid()):
        shutil.rmtree(os.environ.pop("JAX_COMPILATION_CACHE_DIR"), ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Neighbouring tests run in one worker, so that they share fixtures and compiled programs."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)
