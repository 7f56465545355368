"""Runs of an experiment: planned, checked, trained or reused."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pathlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from experiments.harness import programs
from experiments.harness.datasets import STILLS, Dataset
from experiments.harness.finished import FinishedRun
from ovis_jax import classes, identities
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.program.config_changes import LOADING, LOGGING
from ovis_jax.program.configurations import find_configuration, read_configuration
from ovis_jax.program.data_places import PLACES
from ovis_jax.program.workdir import Workdir

TRAIN, EVALUATE = "train_and_evaluate", "evaluate"
SECONDS = "seconds.json"
_ORACLE, _IMAGE_SHARE, _WEIGHTS = "predict.oracle", "data.image_share", "train.init_checkpoint"


@dataclasses.dataclass(frozen=True)
class Run:
    """One row of the table.

    Attributes:
      label: first column.
      system: whose configuration it has; see `Dataset.configuration`.
      overrides: values by dotted configuration field; {NAME} in a text stands for one of
        `Dataset.words`.
      start: label of the run from whose last checkpoint it starts.
      mode: TRAIN; or EVALUATE, which trains nothing, and predicts with the checkpoint of `start`.
      shown: it is a row of the table; others are there to be started from.
      weights: where `--weights` has a checkpoint of its model, if not where that of the system is.
      shared: it is made with seed 0 alone, and runs of every seed start from it.
      length: of the training, as a share of that of its configuration.
    """

    label: str
    system: str
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    start: str = ""
    mode: str = TRAIN
    shown: bool = True
    weights: str = ""
    shared: bool = False
    length: float = 1.0

    def lacks(self, dataset: Dataset) -> str:
        """What must be built before the run can be made; empty if nothing."""
        name = dataset.configuration(self.system)
        try:
            config = base_configuration(name)
        except InputError:
            return f"there is no configuration {name}"
        absent = [field for field in self.overrides if not _has(config, field)]
        return f"{name} has no field {absent[0]}" if absent else ""

    def changes(self, dataset: Dataset) -> dict[str, Any]:
        """What it sets on this data set; on equal fields the run's own value holds."""
        own = {
            field: value.format(**dataset.words) if isinstance(value, str) else value
            for field, value in self.overrides.items()
        }
        return {**self._shortened(dataset), **dataset.settings, **own}

    def _shortened(self, dataset: Dataset) -> dict[str, int]:
        """The steps, or else the epochs, where they are not those of the configuration."""
        settings = base_configuration(dataset.configuration(self.system)).train
        unit = "num_steps" if settings.num_steps else "num_epochs"
        return {f"train.{unit}": round(settings[unit] * self.length)} if self.length != 1 else {}

    def with_weights(self, folder: pathlib.Path) -> Run | None:
        """The run with weights that are trained already; None if it has to be trained itself.

        What is predicted with changes nothing of the weights; other overrides do, unless they have
        weights of their own.

        Args:
          folder: of checkpoints, by system, or by `weights` of a run.
        """
        if self.start or self.mode == EVALUATE:
            return self
        predicts = self.length == 1 and all(own.startswith("predict.") for own in self.overrides)
        if not (folder / (self.weights or self.system)).exists():
            return None
        return dataclasses.replace(self, mode=EVALUATE) if predicts or self.weights else None


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run with one seed, in its folder.

    Attributes:
      label: of the run.
      config: name of its configuration.
      seed: see `config.seed`.
      folder: its work directory.
      outputs: where its results and metrics are: the folder, or one in it for an oracle.
      mode: see `Run`.
      checkpoint: what it predicts with.
      settings: arguments that set fields of the configuration.
      start: what it starts from, if anything.
    """

    label: str
    config: str
    seed: int
    folder: pathlib.Path
    outputs: pathlib.Path
    mode: str
    checkpoint: pathlib.Path | str
    settings: Sequence[str]
    start: PlannedRun | None = None

    @property
    def is_finished(self) -> bool:
        """Whether its metrics are on disk."""
        return (self.outputs / "metrics.json").exists()

    @property
    def has_stills(self) -> bool:
        """Whether it trains on still images, too."""
        return any(own.startswith(f"--config.{_IMAGE_SHARE}=") for own in self.settings)

    def predicts_as(self, config: str, settings: Sequence[str]) -> bool:
        """Whether it also does what another run with its checkpoint would do."""
        own, other = (
            {k: v for k, v in _flat(read_configuration(*given)).items() if k != _WEIGHTS}
            for given in ((self.config, self.settings), (config, settings))
        )
        return self.config == config and own == other

    @property
    def finished(self) -> FinishedRun:
        """What it left."""
        return FinishedRun(self.folder, self.outputs, self.config)

    @property
    def seconds(self) -> float | None:
        """What it took, in its last start; None if nobody measured."""
        try:
            return float(json.loads((self.folder / SECONDS).read_text()))
        except (OSError, ValueError):
            return None

    @property
    def eval_annotations(self) -> str:
        """Path of the ground truth."""
        return read_configuration(self.config, self.settings).data.eval_annotations

    def check(self) -> None:
        """Raises InputError if a setting is wrong, or the folder has a run with other settings.

        Weights that it is to start from must exist, unless another run makes them.
        """
        config = read_configuration(self.config, self.settings)
        weights = config.train.init_checkpoint
        if weights and self.start is None and not pathlib.Path(weights).exists():
            raise InputError(f"{weights}: no such checkpoint, expected one for {self.label}")
        if (self.folder / "config.json").exists():
            for numbers in (classes, identities):
                config = numbers.sized_as_saved(config, self.finished.config)
        workdir = Workdir(self.folder, json.loads(config.to_json()))
        if workdir.changes.length:  # whose metrics are not those of the run that is asked for
            raise workdir.refusal(workdir.changes.length)

    def finish(self) -> None:
        """Trains and evaluates. The program ends with the run's exit code if it fails."""
        command = [sys.executable, "-m", "ovis_jax.main", f"--config=configs/{self.config}.py"]
        command += [*self.settings, f"--workdir={self.folder}", f"--mode={self.mode}"]
        print("+", *command, file=sys.stderr, flush=True)
        began = time.monotonic()
        code = programs.call(command)
        if code:
            sys.exit(code)
        if not self.is_finished:  # it was stopped, and has saved where it was
            sys.exit(f"{self.folder}: stopped before its end; the same command goes on")
        write_json(self.folder / SECONDS, round(time.monotonic() - began, 1))

    def with_starts(self) -> Iterator[PlannedRun]:
        """What it starts from, the first one first, and itself."""
        if self.start is not None:
            yield from self.start.with_starts()
        yield self


@dataclasses.dataclass(frozen=True)
class Plan:
    """How runs are made on a data set.

    Attributes:
      dataset: which.
      data_dir: its folder; None for the usual one.
      overrides: for every run, by dotted configuration field; they win over those of the run.
      folder: of the runs' folders.
      weights: folder with a checkpoint of each system, from which what is trained starts; None
        for random weights, or what the configuration says.
    """

    dataset: Dataset
    data_dir: pathlib.Path | None
    overrides: Mapping[str, str]
    folder: pathlib.Path
    weights: pathlib.Path | None = None

    def runs(self, runs: Sequence[Run], seeds: Sequence[int]) -> list[PlannedRun]:
        """Every run with every seed, shared ones once; what a run starts from is among them."""
        by_label = {run.label: run for run in runs}
        return [
            self._planned(run, by_label, seed)
            for k, seed in enumerate(seeds)
            for run in runs
            if k == 0 or not run.shared
        ]

    def _planned(self, run: Run, by_label: Mapping[str, Run], seed: int) -> PlannedRun:
        seed = 0 if run.shared else seed
        start = self._planned(by_label[run.start], by_label, seed) if run.start else None
        name = self.dataset.configuration(run.system)
        values = {**run.changes(self.dataset), **self.overrides, "seed": seed}
        places = self.dataset.places(self.data_dir)
        if _IMAGE_SHARE not in values:
            places = {field: place for field, place in places.items() if field not in STILLS}
        values = places | values
        if start is not None:
            values[_WEIGHTS] = start.checkpoint
        elif self.weights is not None:
            values[_WEIGHTS] = self.weights / (run.weights or run.system)
        settings = [f"--config.{field}={value}" for field, value in values.items()]
        if start is not None and run.mode == EVALUATE and start.predicts_as(name, settings):
            return dataclasses.replace(start, label=run.label)
        mark = _mark(name, settings, run.mode, start)
        folder = self.folder / f"{name}-seed{seed}{mark and '-'}{mark}"
        oracle = values.get(_ORACLE)
        outputs = folder / "oracles" / oracle if oracle else folder
        checkpoint = folder / "checkpoints" if run.mode == TRAIN else values.get(_WEIGHTS, "")
        return PlannedRun(
            run.label, name, seed, folder, outputs, run.mode, checkpoint, settings, start
        )


@functools.lru_cache
def base_configuration(name: str) -> ConfigDict:
    """A configuration as it stands in its file.

    Raises:
      InputError: there is none of this name.
    """
    find_configuration(name)
    return read_configuration(name)


def _mark(name: str, settings: Sequence[str], mode: str, start: PlannedRun | None) -> str:
    """A short text that tells runs of one configuration and seed apart.

    It follows from what differs from the configuration's file, so that an experiment finds the
    finished runs of another one, and a field that is added to the package changes no mark. Where
    data lie and what is logged does not count; a work directory looks at these itself.
    """
    base = _flat(base_configuration(name))
    own = _flat(read_configuration(name, settings))
    passed = {"seed", *PLACES, *(field.removeprefix("config.") for field in LOGGING + LOADING)}
    changes = {k: v for k, v in own.items() if k not in passed and v != base.get(k)}
    if not changes and mode == TRAIN and start is None:
        return ""
    text = json.dumps([changes, mode, start and start.folder.name], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _flat(config: ConfigDict) -> dict[str, Any]:
    """Values of JSON's types by dotted field."""
    flat: dict[str, Any] = {}
    waiting = [("", json.loads(config.to_json()))]
    while waiting:
        prefix, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting += [(f"{prefix}.{key}" if prefix else key, own) for key, own in value.items()]
        else:
            flat[prefix] = value
    return flat


def _has(config: ConfigDict, field: str) -> bool:
    for part in field.split("."):
        if not isinstance(config, ConfigDict) or part not in config:
            return False
        config = config[part]
    return True
