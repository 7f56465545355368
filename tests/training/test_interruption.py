import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from training.toy import ToyModel, init_toy

from ovis_jax.checkpoints.store import CheckpointStore

PROGRAM = pathlib.Path(__file__).parent / "toy_run.py"
ROOT = pathlib.Path(__file__).parents[2]
LAST_STEP = 100


def start(workdir, devices=1, cluster=None, **values):
    arguments = [f"{name}={json.dumps(value)}" for name, value in values.items()]
    inherited = os.environ.get("PYTHONPATH", "")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), inherited]),
        "JAX_NUM_CPU_DEVICES": str(devices),
        "JAX_PLATFORMS": "cpu",
    }
    environment |= cluster or {}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(workdir), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(workdir, **values):
    process = start(workdir, **values)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def start_two(workdir, **values):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    clusters = [dict(COORDINATOR=address, NUM_PROCESSES="2", PROCESS=str(i)) for i in range(2)]
    return [start(workdir, cluster=cluster, **values) for cluster in clusters]


def outputs(processes):
    ends = []
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        ends.append(output.strip().splitlines()[-1])
    return ends


def final_variables(workdir, step):
    with CheckpointStore(workdir / "checkpoints") as store:
        assert store.latest_step() == step
        found = store.restore_variables(init_toy(ToyModel(), jax.random.key(0)))
    return jax.tree.map(np.asarray, found)


def num_starts(workdir):
    record = workdir / "run.json"
    return len(json.loads(record.read_text())["starts"]) if record.exists() else 0


def wait_for_first_step(process, workdir, starts):
    deadline = time.monotonic() + 60
    while num_starts(workdir) == starts and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_at_a_random_moment(process, workdir, starts, rng):
    wait_for_first_step(process, workdir, starts)
    time.sleep(rng.uniform(0.2, 3))
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Final variables of a run on one device."""
    workdir = tmp_path_factory.mktemp("whole")
    assert run(workdir, num_steps=LAST_STEP)[0] == 0
    return final_variables(workdir, LAST_STEP)


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6), a, b)


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_same_parameters(uninterrupted, tmp_path):
    schedule = dict(num_steps=LAST_STEP, checkpoint_every=4, keep_checkpoints=2)
    rng, reached = random.Random(time.time_ns()), []
    for starts in range(4):
        process = start(tmp_path, **schedule)
        kill_at_a_random_moment(process, tmp_path, starts, rng)
        with CheckpointStore(tmp_path / "checkpoints") as store:
            reached.append(store.latest_step() or 0)
    print("newest checkpoints when killed:", reached)
    assert any(0 < step < LAST_STEP for step in reached), reached
    code, _, errors = run(tmp_path, **schedule)
    assert code == 0, errors
    assert_equal(final_variables(tmp_path, LAST_STEP), uninterrupted)


@pytest.mark.slow
def test_sigterm_saves_and_exits_with_zero_and_the_run_goes_on(uninterrupted, tmp_path):
    schedule = dict(num_steps=LAST_STEP, checkpoint_every=1000)
    process = start(tmp_path, **schedule)
    wait_for_first_step(process, tmp_path, 0)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output.strip()) == (0, "stopped"), errors
    with CheckpointStore(tmp_path / "checkpoints") as store:
        assert 0 < store.latest_step() < LAST_STEP
    assert run(tmp_path, **schedule)[:2] == (0, "finished\n")
    assert_equal(final_variables(tmp_path, LAST_STEP), uninterrupted)


@pytest.mark.slow
def test_eight_devices_end_with_the_parameters_of_one(uninterrupted, tmp_path):
    code, _, errors = run(tmp_path / "eight", devices=8, num_steps=LAST_STEP)
    assert code == 0, errors
    assert_close(final_variables(tmp_path / "eight", LAST_STEP), uninterrupted)
    code, _, errors = run(tmp_path / "odd", devices=8, batch_size=4)
    assert code == 2 and "multiple of the 8 devices, is 4" in errors


@pytest.mark.slow
def test_two_processes_stop_together_resume_and_end_as_one(uninterrupted, tmp_path):
    processes = start_two(tmp_path, num_steps=LAST_STEP)
    wait_for_first_step(processes[0], tmp_path, 0)
    time.sleep(1.0)
    processes[1].send_signal(signal.SIGTERM)
    assert outputs(processes) == ["stopped", "stopped"]
    assert outputs(start_two(tmp_path, num_steps=LAST_STEP)) == ["finished", "finished"]
    assert_close(final_variables(tmp_path, LAST_STEP), uninterrupted)


@pytest.mark.slow
def test_a_diverged_run_names_step_and_samples_and_leaves_the_last_good_checkpoint(tmp_path):
    code, _, errors = run(tmp_path, num_steps=20, checkpoint_every=5, log_every=50, bad_batch=7)
    line = errors.strip().splitlines()[-1]
    assert code == 1 and line.startswith("step 8: loss or gradient is not finite"), errors
    assert line.count("video ") == 8 and "(toy), frame" in line and "fit nan" in line
    with CheckpointStore(tmp_path / "checkpoints") as store:
        assert store.latest_step() == 5
