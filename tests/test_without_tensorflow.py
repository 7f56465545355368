"""Training where neither TensorFlow nor TensorFlow Datasets can be imported."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from tiny_downloads import build, write_ovis_download

ROOT = pathlib.Path(__file__).parents[1]
BLOCKED = "import sys; sys.modules.update(tensorflow=None, tensorflow_datasets=None)\n"
TRAIN = """
import json, pathlib
import jax
import numpy as np
import tiny_run
from ovis_jax.checkpoints.store import CheckpointStore
from ovis_jax.models.build import build_model
from ovis_jax.program.workdir import Workdir
from ovis_jax.train import train

folder, download, records = map(pathlib.Path, sys.argv[1:])
ends = []
for source in ("raw", "records"):
    config = tiny_run.get_config().copy_and_resolve_references()
    config.train.update(num_steps=2, overlay_every=0)
    config.data.train_annotations = str(download / "annotations_train.json")
    config.data.train_images = str(download / "train")
    config.data.train_records = str(records) if source == "records" else ""
    assert train(config, Workdir(folder / source, json.loads(config.to_json())))
    with CheckpointStore(folder / source / "checkpoints") as store:
        assert store.latest_step() == 2
        ends.append(store.restore_variables(build_model(config)[1]))
jax.tree.map(np.testing.assert_array_equal, *ends)
assert not [name for name in sys.modules if name.startswith(("tensorflow.", "tensorflow_d"))
            and sys.modules[name]]
print("trained")
"""


@pytest.fixture
def download(tmp_path):
    """OVIS in small; videos of one canvas, so that one program is compiled."""
    download = write_ovis_download(tmp_path)
    path = download / "annotations_train.json"
    document = json.loads(path.read_text())
    document["videos"] = [v for v in document["videos"] if v["width"] > v["height"]]
    kept = {v["id"] for v in document["videos"]}
    document["annotations"] = [a for a in document["annotations"] if a["video_id"] in kept]
    path.write_text(json.dumps(document))
    return download


def run(*arguments):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, "-c", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.exhaustive
def test_raw_folders_and_records_are_trained_on_with_the_same_result(download, tmp_path):
    records = build("ovis", "frames", download).data_dir
    ended = run(BLOCKED + TRAIN, tmp_path, download, records)
    assert ended.stdout.strip() == "trained", ended.stderr


def test_building_records_says_in_one_line_what_is_missing(download, tmp_path):
    tool = "import runpy; runpy.run_module('ovis_jax.tools.build_records', run_name='__main__')"
    options = ["--dataset", "ovis", "--download", download, "--output", tmp_path / "built"]
    ended = run(BLOCKED + tool, *options)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "needs tensorflow" in line and "which is not installed" in line
