"""Settings of all tests: what a run of them compiles, it compiles once and not for speed."""

import gc
import importlib.util
import mmap
import os
import pathlib
import resource
import shutil
import sys
import tempfile

import pytest
from hypothesis import settings

# Traced programs are many objects that live long: looking for garbage among them takes a seventh of
# the tracing.
gc.set_threshold(50_000, 20, 50)

# How long an example takes depends on the machine and on what must be compiled first.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Test programs are small and run a few times each, so most of the time would go into compiling
# them: without optimisation, and with XLA's older emitters of fused loops, it takes a fifth. Conv-
# olutions and matrix products are library calls and stay as fast. Programs that tests start inherit
# this. XLA_FLAGS of one's own are left alone.
QUICK_COMPILATION = ("xla_backend_optimization_level=0", "xla_cpu_use_fusion_emitters=false")


def share_cores():
    """A worker of several runs on its share of the cores, and so does what its tests start.

    Each would otherwise start as many threads as there are cores, and they would wait for one
    another.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")  # gw0, gw1, ...
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    if not worker or not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if 1 < count <= len(cores):
        number = int(worker.removeprefix("gw"))
        own = range(len(cores) * number // count, len(cores) * (number + 1) // count)
        os.sched_setaffinity(0, [cores[k] for k in own])


share_cores()


@pytest.fixture
def all_cores():
    """For what must not keep to a worker's share of the cores."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    yield
    os.sched_setaffinity(0, before)


def known_flags(flags):
    """The flags that this jaxlib has; an unknown one would end the process.

    Names of flags are C strings; those of flags that were taken away (fusion emitters, by 0.12) go
    on as names of fields.
    """
    library = pathlib.Path(importlib.util.find_spec("jaxlib").origin).parent / "libjax_common.so"
    if not library.exists():
        return []
    with open(library, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as code:
        return [flag for flag in flags if code.find(b"\0%b\0" % flag.split("=")[0].encode()) >= 0]


if "XLA_FLAGS" not in os.environ:
    os.environ["XLA_FLAGS"] = " ".join(f"--{flag}" for flag in known_flags(QUICK_COMPILATION))

MOST_MEMORY = 2 * 2**30  # bytes that a worker may hold when it goes on to the next module
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


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_dropped():
    """Compiled programs of the modules before would fill the memory of small machines."""
    yield
    if resident_memory() > MOST_MEMORY and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
        gc.collect()


def resident_memory():
    """Bytes of this process; 0 where the system has no /proc."""
    pages = pathlib.Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * resource.getpagesize() if pages.exists() else 0
