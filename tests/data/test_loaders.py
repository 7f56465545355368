"""tf.data and threads make the same batches; each ends cleanly; neither needs the other."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import jax
import numpy as np
import pytest
from tiny_coco import mixed_config
from tiny_ovis import write_tiny_ovis

from ovis_jax.data import loaders
from ovis_jax.data.loaders import find_loader
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.thread_batches import thread_batches
from ovis_jax.formats.errors import InputError

CAPACITY, ROWS = 4, 4
both_loaders = pytest.mark.parametrize("loader", ["tf_data", "threads"])


@pytest.fixture
def config(tmp_path):
    return write_tiny_ovis(tmp_path)


def take(config, count, **options):
    data = open_training_data(config, CAPACITY)
    batches = training_batches(data, **{"batch_size": ROWS, "seed": 5} | options)
    found = [next(batches) for _ in range(count)]
    batches.close()
    return found


def assert_equal(got, want):
    jax.tree.map(np.testing.assert_array_equal, got, want)
    types = [[leaf.dtype for leaf in jax.tree.leaves(batches)] for batches in (got, want)]
    assert types[0] == types[1]


@pytest.mark.parametrize("image_share", [0.0, 0.4, 1.0])
def test_threads_load_the_batches_of_tf_data(tmp_path, image_share):
    config = mixed_config(tmp_path, image_share=image_share)
    want = take(config, 12, loader="tf_data")
    assert_equal(take(config, 12, loader="threads"), want)


@pytest.mark.parametrize("start", [1, 4, 7])
@pytest.mark.parametrize("host", [0, 1])
def test_threads_load_the_rows_of_a_host_from_any_step(config, start, host):
    options = dict(host_index=host, host_count=2, start_step=start)
    want = take(config, 3, loader="tf_data", **options)
    assert_equal(take(config, 3, loader="threads", **options), want)


def test_a_damaged_frame_is_the_same_error_at_the_same_batch(config):
    for path in pathlib.Path(config.train_images).rglob("0000[03].jpg"):
        path.write_bytes(path.read_bytes()[:400])
    good = {}
    for loader in ("tf_data", "threads"):
        data = open_training_data(config, CAPACITY)
        batches = training_batches(data, batch_size=2, seed=9, loader=loader)
        with pytest.raises(InputError, match=r"0000[03].jpg: truncated JPEG") as caught:
            for count in range(30):
                good[loader] = count
                next(batches)
        good[loader] = good[loader], str(caught.value)
        with pytest.raises(StopIteration):
            next(batches)
    assert good["threads"] == good["tf_data"]


class NumberedClips:
    """Clips that are their own numbers; counts what was loaded."""

    def __init__(self, rows=ROWS, seconds=0.0, bad=()):
        self.rows, self.loaded, self._seconds, self._bad = rows, [], seconds, bad

    def load(self, number):
        self.loaded.append(number)
        time.sleep(self._seconds)
        if number in self._bad:
            raise InputError(f"clip {number}")
        return {"number": np.int32(number)}


def loading_threads():
    return [t for t in threading.enumerate() if t.name.startswith(("clips_", "batches_"))]


def test_of_several_bad_clips_of_a_batch_the_first_is_named():
    batches = thread_batches(NumberedClips(bad=(6, 7)), 0)
    np.testing.assert_array_equal(next(batches)["number"], [0, 1, 2, 3])
    with pytest.raises(InputError, match="^clip 6$"):
        next(batches)
    assert not loading_threads()


def test_clips_of_any_speed_stay_in_their_order():
    clips = NumberedClips()
    clips.load = lambda n: time.sleep(0.002 * (n % 3 == 0)) or {"number": np.int32(n)}
    batches = thread_batches(clips, 2)
    for step in range(2, 20):
        first = step * ROWS
        np.testing.assert_array_equal(next(batches)["number"], range(first, first + ROWS))
    batches.close()


@pytest.mark.parametrize("rows", [1, 16])
def test_what_is_read_ahead_is_bounded_and_starts_with_the_first_batch(rows):
    clips = NumberedClips(rows)
    batches = thread_batches(clips, 0)
    assert not clips.loaded
    next(batches)
    time.sleep(0.2)
    most = rows * (1 + max(2, -(-2 * len(os.sched_getaffinity(0)) // rows)))
    assert sorted(clips.loaded) == list(range(most))
    batches.close()


def test_closing_ends_the_threads_and_loads_nothing_more():
    clips = NumberedClips(seconds=0.02)
    batches = thread_batches(clips, 0)
    next(batches)
    assert loading_threads()
    batches.close()
    count = len(clips.loaded)
    time.sleep(0.1)
    assert len(clips.loaded) == count < 3 * ROWS and not loading_threads()


def program(config, loader, end):
    """Source text of a program that loads a batch and then does `end`."""
    return f"""
import os, signal, threading, time
from tiny_ovis import tiny_config
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
data = open_training_data(tiny_config({config.train_annotations!r}, {config.train_images!r}), 4)
fast = type(data).clip
type(data).clip = lambda self, draw: time.sleep(0.1) or fast(self, draw)
batches = training_batches(data, batch_size=4, seed=0, loader={loader!r})
next(batches)
{end}
"""


def run(source):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", source]
    return subprocess.run(command, env=environment, timeout=240, capture_output=True, text=True)


@both_loaders
def test_a_program_can_end_in_the_middle_of_loading(config, loader):
    ended = run(program(config, loader, "raise SystemExit(7)"))
    assert ended.returncode == 7 and "Traceback" not in ended.stderr


INTERRUPT = """
# What a shell starts without waiting for it ignores interrupts, and so do the tests that run there.
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
while True:
    next(batches)
"""


def test_an_interrupt_ends_a_program_that_waits_for_threads(config):
    ended = run(program(config, "threads", INTERRUPT))
    assert ended.returncode == -signal.SIGINT and "KeyboardInterrupt" in ended.stderr


def test_without_tensorflow_threads_load_and_tf_data_is_an_input_error(monkeypatch):
    for name in ("tensorflow", "ovis_jax.data.tensorflow_batches"):
        monkeypatch.setitem(sys.modules, name, None)
    assert find_loader("auto") is find_loader("threads") is thread_batches
    with pytest.raises(InputError, match="config.data.loader: 'tf_data' needs TensorFlow"):
        find_loader("tf_data")


def test_a_broken_tensorflow_is_a_warning_and_threads_load(monkeypatch):
    lines = []
    monkeypatch.setitem(sys.modules, "ovis_jax.data.tensorflow_batches", None)
    monkeypatch.setattr(loaders.logging, "warning", lambda form, *args: lines.append(form % args))
    assert find_loader("auto") is thread_batches
    assert len(lines) == 1 and "TensorFlow is broken (ModuleNotFoundError" in lines[0]
