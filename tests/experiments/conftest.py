"""A data set of one object, and a program that leaves runs without training anything."""

import json
import pathlib

import pytest
from absl import flags
from data.rectangles import track, video, write
from ml_collections import config_flags

from experiments.harness import class_errors, differences, gains, over_seeds, programs
from experiments.harness.finished import FinishedRun

BOX = (2, 2, 6, 6)
BOXES = [(2, 2, 6, 6), (4, 2, 6, 6)]
DOG, CAT = 4, 2


@pytest.fixture
def data_dir(tmp_path):
    """The official layout, with one object in two frames in both splits."""
    folder = tmp_path / "data"
    for split in ("train", "valid"):
        (folder / split).mkdir(parents=True)
        objects = [track(1, 7, 2, [BOX, BOX], "nv")]
        write(folder / f"annotations_{split}.json", [video(7, 2)], objects)
    return folder


@pytest.fixture
def started(data_dir, monkeypatch):
    """Commands that were started.

    What stands for `ovis_jax.main` leaves a run that found the object with the wrong mask in the
    second frame, and says that its AP is 0.1 x (seed + 1).
    """
    truth = json.loads((data_dir / "annotations_valid.json").read_text())["annotations"][0]
    masks = [truth["segmentations"][0], None]
    result = dict(video_id=7, score=0.9, category_id=2, segmentations=masks)
    commands = []

    def run(command):
        commands.append(command)
        values = settings_of(command)
        contents = {
            "config": json.loads(values.config.to_json()),
            "run": {"starts": [{"command": command, "revision": f"of seed {values.config.seed}"}]},
            "results": [result],
            "metrics": {
                "AP": 0.1 * (values.config.seed + 1),
                "per_category": {"Cat": 0.1 * (values.config.seed + 1), "Dog": -1, "Boat": -1},
            },
        }
        folder = pathlib.Path(values.workdir)
        folder.mkdir(parents=True)
        for name, value in contents.items():
            (folder / f"{name}.json").write_text(json.dumps(value))
        return 0

    monkeypatch.setattr(programs, "call", run)
    return commands


@pytest.fixture
def few_draws(monkeypatch):
    """Bootstraps of so few draws that they take no time."""
    for module in (class_errors, differences, gains, over_seeds):
        monkeypatch.setattr(module, "DRAWS", 40)


def settings_of(command):
    """The flags of a command that trains."""
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=command)
    flags.DEFINE_string("workdir", None, "", flag_values=values)
    flags.DEFINE_string("mode", None, "", flag_values=values)
    assert values(command[2:]) == ["ovis_jax.main"]
    return values


@pytest.fixture
def truth(tmp_path):
    """A cat in each of three videos, severely occluded in the second frame."""
    objects = [track(n, n, CAT, BOXES, "nv") for n in (1, 2, 3)]
    return write(tmp_path / "truth.json", [video(n, 2) for n in (1, 2, 3)], objects)


@pytest.fixture
def finished(truth, tmp_path):
    """Makes a run that found the cats of some videos, as cats or as dogs."""

    def make(name, videos, category=CAT, seed=0, **metrics):
        objects = json.loads(truth.read_text())["annotations"]
        results = [
            dict(
                video_id=own["video_id"],
                score=0.9,
                category_id=category,
                segmentations=own["segmentations"],
            )
            for own in objects
            if own["video_id"] in videos
        ]
        contents = {
            "config": {"data": {"eval_annotations": str(truth)}, "seed": seed},
            "results": results,
            "metrics": metrics | {"per_category": {"Cat": len(videos) / 3, "Dog": -1, "Boat": -1}},
            "run": {"starts": [{"revision": "r"}]},
        }
        folder = tmp_path / f"{name}-{seed}"
        folder.mkdir()
        for kind, value in contents.items():
            (folder / f"{kind}.json").write_text(json.dumps(value))
        return FinishedRun(folder, folder, "quickstart")

    return make
