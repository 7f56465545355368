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
from event_files import scalars
from training.toy import ToyModel, init_toy

from ovis_jax.checkpoints.store import CheckpointStore

PROGRAM = pathlib.Path(__file__).parent / "toy_run.py"
ROOT = pathlib.Path(__file__).parents[2]
LAST_STEP = 100
KILLS = 6


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


def wait_for_first_step(process, workdir):
    wait_until(lambda: num_starts(workdir) > 0, process)


def checkpoints(workdir):
    return {int(p.name) for p in (workdir / "checkpoints").glob("*") if p.name.isdecimal()}


def is_writing(workdir):
    return any("tmp" in p.name for p in (workdir / "checkpoints").glob("*"))


def kill_after_progress(process, workdir, rng, while_writing):
    """Kills soon after a new checkpoint, at a random moment; true if one was being written.

    With `while_writing` it waits for a moment when one is.
    """
    newest = max(checkpoints(workdir), default=0)
    wait_until(lambda: max(checkpoints(workdir), default=0) > newest, process)
    time.sleep(rng.uniform(0, 0.1))
    if while_writing:
        wait_until(lambda: is_writing(workdir), process)
    process.kill()
    process.communicate()
    return is_writing(workdir)


def wait_until(condition, process):
    deadline = time.monotonic() + 100
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture(scope="module")
def uninterrupted_run(tmp_path_factory):
    """Work directory of a run on one device."""
    workdir = tmp_path_factory.mktemp("whole")
    assert run(workdir, num_steps=LAST_STEP, log_every=1)[0] == 0
    return workdir


@pytest.fixture(scope="module")
def uninterrupted(uninterrupted_run):
    """Final variables of a run on one device."""
    return final_variables(uninterrupted_run, LAST_STEP)


def loss_curve(workdir):
    curve = scalars(workdir, "loss")
    assert list(curve) == list(range(1, LAST_STEP + 1))
    return curve


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6), a, b)


@pytest.mark.exhaustive
def test_a_run_killed_at_random_moments_ends_with_the_same_parameters(uninterrupted, tmp_path):
    schedule = dict(num_steps=LAST_STEP, checkpoint_every=2, keep_checkpoints=2)
    seed = time.time_ns()
    rng, while_writing, reached = random.Random(seed), [], []
    while len(reached) < KILLS:
        process = start(tmp_path, **schedule)
        in_writing = len(reached) % 2 == 1
        while_writing.append(kill_after_progress(process, tmp_path, rng, in_writing))
        reached.append(max(checkpoints(tmp_path), default=0))
    print(f"seed {seed}; newest checkpoints when killed: {reached}; writing: {while_writing}")
    assert reached[-1] < LAST_STEP and any(while_writing)
    code, _, errors = run(tmp_path, **schedule)
    assert code == 0, errors
    assert_equal(final_variables(tmp_path, LAST_STEP), uninterrupted)


@pytest.mark.slow
def test_sigterm_and_ctrl_c_save_and_the_run_goes_on(uninterrupted, tmp_path):
    schedule = dict(num_steps=LAST_STEP, checkpoint_every=60)
    process = start(tmp_path, **schedule)
    wait_for_first_step(process, tmp_path)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output.strip()) == (0, "stopped"), errors
    assert 0 < max(checkpoints(tmp_path)) < 60
    process = start(tmp_path, **schedule)
    wait_until(lambda: 60 in checkpoints(tmp_path), process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output.strip()) == (130, ""), errors
    assert errors.splitlines()[-1] == "interrupted; repeat the same line to go on"
    assert "Traceback" not in errors and 60 < max(checkpoints(tmp_path)) < LAST_STEP
    assert run(tmp_path, **schedule)[:2] == (0, "finished\n")
    assert_equal(final_variables(tmp_path, LAST_STEP), uninterrupted)


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(uninterrupted, tmp_path):
    schedule = dict(checkpoint_every=40, keep_checkpoints=3)
    assert run(tmp_path, num_steps=LAST_STEP, **schedule)[0] == 0
    newest = tmp_path / "checkpoints" / str(LAST_STEP)
    for file in newest.glob("variables/**/d/*"):
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        file.write_bytes(damaged)
    code, _, errors = run(tmp_path, num_steps=LAST_STEP, **schedule)
    assert code == 0 and f"checkpoint {LAST_STEP}" in errors and "set aside" in errors, errors
    assert_equal(final_variables(tmp_path, LAST_STEP), uninterrupted)
    assert len(list((tmp_path / "checkpoints" / "damaged").iterdir())) == 1


@pytest.mark.exhaustive
def test_eight_devices_learn_as_one(uninterrupted_run, uninterrupted, tmp_path):
    code, _, errors = run(tmp_path / "eight", devices=8, num_steps=LAST_STEP, log_every=1)
    assert code == 0, errors
    assert_close(final_variables(tmp_path / "eight", LAST_STEP), uninterrupted)
    assert loss_curve(tmp_path / "eight") == pytest.approx(loss_curve(uninterrupted_run), rel=1e-3)
    code, _, errors = run(tmp_path / "odd", devices=8, batch_size=4)
    assert code == 2 and "multiple of the 8 devices, is 4" in errors


@pytest.mark.exhaustive
def test_two_processes_of_four_devices_stop_together_resume_and_learn_as_one(
    uninterrupted_run, uninterrupted, tmp_path
):
    values = dict(devices=4, num_steps=LAST_STEP, log_every=1)
    processes = start_two(tmp_path, **values)
    wait_for_first_step(processes[0], tmp_path)
    time.sleep(1.0)
    processes[1].send_signal(signal.SIGTERM)
    assert outputs(processes) == ["stopped", "stopped"]
    assert outputs(start_two(tmp_path, **values)) == ["finished", "finished"]
    assert_close(final_variables(tmp_path, LAST_STEP), uninterrupted)
    assert loss_curve(tmp_path) == pytest.approx(loss_curve(uninterrupted_run), rel=1e-3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_whose_partner_is_killed_ends_with_a_reason(tmp_path, victim):
    processes = start_two(tmp_path, num_steps=100_000, checkpoint_every=100)
    wait_for_first_step(processes[0], tmp_path)
    time.sleep(1.0)
    processes[victim].kill()
    _, errors = processes[1 - victim].communicate(timeout=60)
    assert processes[1 - victim].returncode not in (0, None)
    assert "another process" in errors or "another task died" in errors, errors
    processes[victim].communicate()


@pytest.mark.slow
def test_a_diverged_run_names_step_and_samples_and_leaves_the_last_good_checkpoint(tmp_path):
    code, _, errors = run(tmp_path, num_steps=20, checkpoint_every=5, log_every=50, bad_batch=7)
    line = errors.strip().splitlines()[-1]
    assert code == 1 and line.startswith("step 8: loss or gradient is not finite"), errors
    assert line.count("video ") == 8 and "(toy), frame" in line and "fit nan" in line
    with CheckpointStore(tmp_path / "checkpoints") as store:
        assert store.latest_step() == 5
