"""Runs of an experiment: planned, checked, trained or reused."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from ovis_jax.evaluation import evaluate
from ovis_jax.evaluation.oracles import with_true_identities
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.crowds import crowds_as_objects
from ovis_jax.formats.results import load_results
from ovis_jax.identities import sized_as_saved
from ovis_jax.program.configurations import read_configuration
from ovis_jax.program.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class Run:
    """One row of the table.

    Attributes:
      label: first column, and the run's folder.
      config: name of a file in `configs/`.
      overrides: values by dotted configuration field; {workdir} and {seed} in a text stand for
        those of the experiment, so that a run can start from what another one left.
      mode: "evaluate" trains nothing, and predicts with `train.init_checkpoint`.
    """

    label: str
    config: str
    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)
    mode: str = "train_and_evaluate"


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What a run with one seed left; files are read when they are asked for, once.

    Attributes:
      folder: its work directory.
    """

    folder: pathlib.Path

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """Its whole configuration."""
        return json.loads((self.folder / "config.json").read_text())

    @functools.cached_property
    def metrics(self) -> dict[str, float]:
        """Numbers of its metrics.json by name, in [0, 1]."""
        values = json.loads((self.folder / "metrics.json").read_text())
        return {name: value for name, value in values.items() if not isinstance(value, dict)}

    @functools.cached_property
    def linked_metrics(self) -> dict[str, float]:
        """`metrics` if its tracker made no mistakes: identities are the ground truth's."""
        annotations = load_annotations(self.config["data"]["eval_annotations"])
        if self.config["data"].get("crowds_are_objects"):  # absent in older work directories
            annotations = crowds_as_objects(annotations)
        tracks = load_results(self.folder / "results.json", annotations)
        return evaluate(annotations, with_true_identities(annotations, tracks)).values

    @property
    def revision(self) -> str | None:
        """Of the code that ran last."""
        return json.loads((self.folder / "run.json").read_text())["starts"][-1]["revision"]


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run with one seed, in its folder.

    Attributes:
      labels: columns that tell it from others: run, config, seed.
      folder: its work directory.
      mode: see `Run`.
      config: file of its configuration.
      settings: arguments that set fields of it.
    """

    labels: dict[str, Any]
    folder: pathlib.Path
    mode: str
    config: str
    settings: Sequence[str]

    def check(self) -> None:
        """Raises InputError if a setting is wrong, or the folder has a run with other settings."""
        config = read_configuration(self.config, self.settings)
        if (self.folder / "config.json").exists():
            config = sized_as_saved(config, FinishedRun(self.folder).config)
        workdir = Workdir(self.folder, json.loads(config.to_json()))
        if workdir.changes.length:  # whose metrics are not those of the run that is asked for
            raise workdir.refusal(workdir.changes.length)

    def finish(self) -> FinishedRun:
        """Trains and evaluates; a run whose metrics are on disk is not repeated.

        The program ends with the run's exit code if it fails.
        """
        if not (self.folder / "metrics.json").exists():
            command = [sys.executable, "-m", "ovis_jax.main", f"--config={self.config}"]
            command += self.settings
            command += [f"--workdir={self.folder}", f"--mode={self.mode}"]
            print("+", *command, file=sys.stderr)
            done = subprocess.run(command)
            if done.returncode:
                sys.exit(done.returncode)
        return FinishedRun(self.folder)


def plan(
    runs: Sequence[Run], seeds: Sequence[int], overrides: dict[str, str], workdir: pathlib.Path
) -> list[PlannedRun]:
    """Every run with every seed.

    Args:
      runs: of an experiment.
      seeds: of every run.
      overrides: for every run, by dotted configuration field.
      workdir: folder of the runs' folders.
    """
    return [_planned(run, seed, overrides, workdir) for seed in seeds for run in runs]


def _planned(run: Run, seed: int, common: dict[str, str], workdir: pathlib.Path) -> PlannedRun:
    folder = workdir / f"{run.label.replace(' ', '-')}-seed{seed}"
    overrides = run.overrides | common | {"seed": seed}
    settings = []
    for field, value in overrides.items():
        filled = value.format(workdir=workdir, seed=seed) if isinstance(value, str) else value
        settings.append(f"--config.{field}={filled}")
    labels = {"run": run.label, "config": run.config, "seed": seed}
    file = f"configs/{run.config}.py"
    return PlannedRun(labels, folder, run.mode, file, settings)
