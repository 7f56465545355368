import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import tiny_ovis
from tiny_run import get_config

from ovis_jax import main, train
from ovis_jax.checkpoints.store import CheckpointStore, save_variables
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.program import command_line
from ovis_jax.program.compilation import multiply_with
from ovis_jax.program.workdir import Workdir

ROOT = pathlib.Path(__file__).parents[1]
CONFIG = f"--config={ROOT}/tests/tiny_run.py"


@pytest.fixture(scope="module")
def data_flags(tmp_path_factory):
    """Flags that point to a tiny data set."""
    folder = tmp_path_factory.mktemp("ovis")
    tiny_ovis.write_tiny_ovis(folder)
    return path_flags(folder)


def path_flags(folder):
    paths = {"annotations": folder / "annotations.json", "images": folder / "frames"}
    return [f"--config.data.{s}_{k}={v}" for s in ("train", "eval") for k, v in paths.items()]


def zero_variables(system, key):
    """Variables without the compilation that random ones need."""
    shapes = jax.eval_shape(lambda k: init_variables(system, k), key)
    return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)


@pytest.fixture
def failure(monkeypatch, capsys):
    """Runs the program in this process: exit code and what it wrote to stderr."""

    def run(*arguments):
        monkeypatch.setattr(command_line, "start_logging", lambda: None)
        monkeypatch.setattr(main, "start", multiply_with)
        monkeypatch.setattr(train, "init_variables", zero_variables)
        try:
            code = main.main([*map(str, arguments)])
        except SystemExit as end:  # options that are wrong
            code = end.code
        return code, capsys.readouterr().err.strip()

    return run


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config=configs/none.py"], ["configs/none.py", "no such file", "quickstart_sipmask"]),
        (["--config=quickstrat"], ["quickstrat", "did you mean quickstart"]),
        ([CONFIG, "--config.typo=1"], ["unknown field", "typo"]),
        ([CONFIG, "--wokrdir=x"], ["--wokrdir"]),
        ([CONFIG, "yes"], ["yes", "--flag=value"]),
        ([CONFIG, "--config.train.batch_siz=1"], ["batch_siz", "batch_size"]),
        ([CONFIG, "--config.train.batch_size=many"], ["batch_size", "many"]),
        ([CONFIG, "--mode=dance"], ["mode", "dance", "train_and_evaluate"]),
        ([CONFIG, "--colour=red"], ["colour"]),
        ([CONFIG, "stray"], ["stray", "--flag=value"]),
        ([CONFIG, "--config.data.eval_annotations=/none/a.json"], ["/none/a.json"]),
        ([CONFIG, "--config.data.eval_images=/none"], ["/none"]),
        ([CONFIG, "--mode=train", "--config.data.train_images=/none"], ["/none"]),
        ([CONFIG, "--config.model.num_classes=3"], ["categories", "2", "3"]),
        ([CONFIG, "--config.train.batch_size=0"], ["config.train.batch_size", "0"]),
        ([CONFIG, "--config.train.schedule=linear"], ["config.train.schedule", "linear"]),
        ([CONFIG, "--config.model.backbone.depth=51"], ["config.model", "51"]),
        ([CONFIG, "--config.train.frozen=('x',)"], ["config.train.frozen", "x"]),
        ([CONFIG, "--config.train.init_checkpoint=/none"], ["/none", "checkpoint"]),
        ([CONFIG, "--mode=evaluate"], ["checkpoint"]),
        ([CONFIG, "--config.predict.oracle=image"], ["config.predict.oracle", "--mode=evaluate"]),
        ([CONFIG, "--num_processes=2"], ["--coordinator", "all three"]),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2_and_writes_nothing(
    failure, data_flags, tmp_path, arguments, words
):
    code, errors = failure(
        f"--workdir={tmp_path / 'run'}",
        "--mode=train_and_evaluate",
        *data_flags,
        *arguments,
    )
    assert code == 2 and "\n" not in errors, errors
    assert all(word in errors for word in words), errors
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [[], ["--workdir="]])
def test_a_workdir_that_is_missing_is_named(failure, data_flags, arguments):
    code, errors = failure(CONFIG, *data_flags, *arguments)
    assert (code, "--workdir" in errors) == (2, True), errors


def test_malformed_annotations_and_missing_frames_are_bad_input(failure, tmp_path):
    tiny_ovis.write_tiny_ovis(tmp_path)
    workdir = f"--workdir={tmp_path / 'run'}"
    frame = tmp_path / "frames" / "clip1" / "00000.jpg"
    whole = frame.read_bytes()
    frame.unlink()
    code, errors = failure(workdir, CONFIG, *path_flags(tmp_path))
    assert (code, "00000.jpg" in errors, "\n" in errors) == (2, True, False)
    frame.write_bytes(whole)
    (tmp_path / "annotations.json").write_text('{"videos": [')
    code, errors = failure(workdir, CONFIG, *path_flags(tmp_path))
    assert (code, "annotations.json" in errors, "\n" in errors) == (2, True, False)
    assert not (tmp_path / "run").exists()


def test_a_truncated_frame_ends_training_with_its_name_and_no_checkpoint(failure, tmp_path):
    tiny_ovis.write_tiny_ovis(tmp_path)
    for frame in (tmp_path / "frames").rglob("*.jpg"):
        frame.write_bytes(frame.read_bytes()[:200])
    code, errors = failure(CONFIG, f"--workdir={tmp_path / 'run'}", *path_flags(tmp_path))
    last = errors.splitlines()[-1]
    assert code == 2 and ".jpg" in last and "Traceback" not in errors, errors
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_annotations_without_ground_truth_can_be_predicted_but_not_evaluated(failure, tmp_path):
    tiny_ovis.write_tiny_ovis(tmp_path)
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": None}))
    code, errors = failure(
        f"--workdir={tmp_path / 'run'}", CONFIG, *path_flags(tmp_path), "--mode=evaluate"
    )
    assert (code, "--mode=predict" in errors) == (2, True)


def test_a_workdir_of_another_configuration_is_left_alone(failure, data_flags, tmp_path):
    Workdir(tmp_path, json.loads(get_config().to_json())).claim()
    before = contents(tmp_path)
    code, errors = failure(f"--workdir={tmp_path}", CONFIG, *data_flags, "--config.seed=1")
    assert code == 2 and "config.seed is 0 there and 1 here" in errors and "\n" not in errors
    assert contents(tmp_path) == before


def test_a_checkpoint_of_another_model_is_bad_input(failure, data_flags, tmp_path):
    variables = zero_variables(build_system(get_config()), jax.random.key(0))
    variables["params"]["rpn"]["hidden"]["bias"] = np.zeros(7, np.float32)
    save_variables(tmp_path / "other", variables, {})
    code, errors = failure(
        f"--workdir={tmp_path / 'run'}",
        CONFIG,
        *data_flags,
        f"--config.train.init_checkpoint={tmp_path / 'other'}",
    )
    assert code == 2 and "params/rpn/hidden/bias" in errors and "(7,)" in errors
    assert not (tmp_path / "run").exists()


def keep_first_object(annotations):
    """Of the first video alone."""
    data = json.loads(annotations.read_text())
    first = {"videos": data["videos"][:1], "annotations": data["annotations"][:1]}
    annotations.write_text(json.dumps(data | first))


def test_annotated_objects_that_the_model_tracks_are_scored_in_a_folder_of_their_own(
    failure, tmp_path
):
    tiny_ovis.write_tiny_ovis(tmp_path)
    keep_first_object(tmp_path / "annotations.json")
    variables = zero_variables(build_system(get_config()), jax.random.key(0))
    save_variables(tmp_path / "model", variables, {})
    run = tmp_path / "run"
    run.mkdir()
    (run / "results.json").write_text("those of the whole model")
    arguments = [f"--workdir={run}", CONFIG, *path_flags(tmp_path), "--mode=evaluate"]
    arguments += ["--config.predict.overlay_videos=0", "--config.predict.oracle=image"]
    code, errors = failure(*arguments, f"--config.train.init_checkpoint={tmp_path / 'model'}")
    assert code == 0, errors
    (record,) = json.loads((run / "oracles/image/results.json").read_text())
    (truth,) = json.loads((tmp_path / "annotations.json").read_text())["annotations"]
    assert record["segmentations"] == truth["segmentations"] and record["score"] == 1
    assert json.loads((run / "oracles/image/metrics.json").read_text())["AP"] == pytest.approx(1)
    assert (run / "results.json").read_text() == "those of the whole model"
    assert not (run / "metrics.json").exists()
    assert json.loads((run / "config.json").read_text())["predict"]["oracle"] == ""


def program(workdir, data_flags, cache, *arguments, devices=1):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": str(devices),
        "XDG_CACHE_HOME": str(cache),
    }
    command = [sys.executable, "-m", "ovis_jax.main", CONFIG, f"--workdir={workdir}"]
    return subprocess.Popen(
        [*command, *data_flags, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    try:
        output, errors = process.communicate(timeout=300)
    finally:
        process.kill()  # it would go on beside the other tests if it is not done in time
    assert process.returncode == 0, errors
    return output


def finish_cluster(workdir, data_flags, cache, *arguments, devices):
    """What the two processes of a cluster print."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        coordinator = f"--coordinator=127.0.0.1:{probe.getsockname()[1]}"
    cluster = [coordinator, "--num_processes=2"]
    processes = [
        program(
            workdir, data_flags, cache, *arguments, *cluster, f"--process_id={i}", devices=devices
        )
        for i in range(2)
    ]
    return [finish(process) for process in processes]


def kill_after_a_checkpoint(process, workdir):
    deadline = time.monotonic() + 240
    while not list((workdir / "checkpoints").glob("[0-9]*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()


def keep_landscape_videos(annotations):
    """So that each program is compiled for one canvas only."""
    data = json.loads(annotations.read_text())
    data["videos"] = [v for v in data["videos"] if v["width"] > v["height"]]
    kept = {v["id"] for v in data["videos"]}
    data["annotations"] = [a for a in data["annotations"] if a["video_id"] in kept]
    annotations.write_text(json.dumps(data))


# XLA has a thread for each core, but at least one for each device, and the last digit of a sum may
# depend on their number: on one core, two devices would compute something else than one.
@pytest.mark.usefixtures("all_cores")
@pytest.mark.exhaustive
def test_a_killed_run_goes_on_and_ends_as_an_uninterrupted_one(tmp_path):
    killed, whole, cache = tmp_path / "killed", tmp_path / "whole", tmp_path / "cache"
    tiny_ovis.write_tiny_ovis(tmp_path)
    keep_landscape_videos(tmp_path / "annotations.json")
    data_flags = path_flags(tmp_path)
    table = finish(program(whole, data_flags, cache))
    assert "AP" in table
    kill_after_a_checkpoint(program(killed, data_flags, cache, "--mode=train"), killed)
    assert not (killed / "metrics.json").exists()
    assert finish(program(killed, data_flags, cache)) == table
    ends = [variables_of(folder) for folder in (whole, killed)]
    jax.tree.map(np.testing.assert_array_equal, *ends)
    for name in ("results.json", "metrics.json", "config.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert {"events", "overlays", "run.json"} <= {p.name for p in whole.iterdir()}
    results = (whole / "results.json").read_bytes()
    assert finish(program(whole, data_flags, cache, "--mode=evaluate")) == table
    first, second = finish_cluster(whole, data_flags, cache, "--mode=evaluate", devices=2)
    assert first.endswith(table) and table not in second  # the transport prints lines of its own
    assert (whole / "results.json").read_bytes() == results


def variables_of(workdir):
    template = zero_variables(build_system(get_config()), jax.random.key(0))
    with CheckpointStore(workdir / "checkpoints") as store:
        assert store.latest_step() == 6
        return store.restore_variables(template)
