"""Runs an experiment: trains or reuses each run, then prints one table and writes one CSV file.

An experiment is data: its runs (label, configuration, overrides) and the metrics that answer its
question.
"""

import argparse
import csv
import dataclasses
import io
import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import config_flags

from ovis_jax.evaluation import evaluate
from ovis_jax.evaluation.oracles import with_true_identities
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.atomic import write_text
from ovis_jax.formats.crowds import crowds_as_objects
from ovis_jax.formats.errors import BAD_INPUT, InputError
from ovis_jax.formats.results import load_results
from ovis_jax.program.command_line import end, parse_flags
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


def main(question: str, runs: Sequence[Run], columns: Sequence[str]) -> None:
    """Command line of an experiment file; the arguments are `python -m experiments.NAME --help`.

    Experiments may share a folder of runs; each writes its own NAME.csv there.
    """
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--workdir", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--override", nargs="*", default=[], metavar="FIELD=VALUE", help="for every run"
    )
    arguments = parser.parse_args()
    common = dict(item.split("=", 1) for item in arguments.override)
    workdir = arguments.workdir.resolve()
    planned = [_planned(run, seed, common, workdir) for seed in arguments.seeds for run in runs]
    try:
        for each in planned:
            each.check()
    except InputError as error:
        end(error, BAD_INPUT)
    rows = [each.metrics() for each in planned]
    print(question + "\n")
    print(markdown_table(rows, columns))
    _write_csv(workdir / f"{pathlib.Path(sys.argv[0]).stem}.csv", rows)


@dataclasses.dataclass(frozen=True)
class _Planned:
    """A run with one seed, in its folder.

    Attributes:
      labels: columns that tell it from others.
      folder: its work directory.
      mode: see `Run`.
      settings: arguments of `ovis_jax.main` that make its configuration.
    """

    labels: dict[str, Any]
    folder: pathlib.Path
    mode: str
    settings: Sequence[str]

    def check(self) -> None:
        """Raises InputError if a setting is wrong, or the folder has a run with other settings."""
        known, arguments = flags.FlagValues(), ["main", *self.settings]
        config_flags.DEFINE_config_file("config", flag_values=known, sys_argv=arguments)
        parse_flags(known, arguments)
        workdir = Workdir(self.folder, json.loads(known.config.to_json()))
        if workdir.changes.length:  # whose metrics are not those of the run that is asked for
            raise workdir.refusal(workdir.changes.length)

    def metrics(self) -> dict[str, Any]:
        """A row of the table; a run whose metrics are on disk is not repeated."""
        metrics = self.folder / "metrics.json"
        if not metrics.exists():
            command = [sys.executable, "-m", "ovis_jax.main", *self.settings]
            command += [f"--workdir={self.folder}", f"--mode={self.mode}"]
            print("+", *command, file=sys.stderr)
            done = subprocess.run(command)
            if done.returncode:
                sys.exit(done.returncode)
        values = json.loads(metrics.read_text())
        start = json.loads((self.folder / "run.json").read_text())["starts"][-1]
        return (
            self.labels
            | {"revision": start["revision"]}
            | {name: value for name, value in values.items() if not isinstance(value, dict)}
            | _with_true_identities(self.folder)
        )


def _planned(run: Run, seed: int, common: dict, workdir: pathlib.Path) -> _Planned:
    folder = workdir / f"{run.label.replace(' ', '-')}-seed{seed}"
    overrides = run.overrides | common | {"seed": seed}
    settings = [f"--config=configs/{run.config}.py"]
    for field, value in overrides.items():
        settings.append(f"--config.{field}={_filled(value, workdir=workdir, seed=seed)}")
    labels = {"run": run.label, "config": run.config, "seed": seed}
    return _Planned(labels, folder, run.mode, settings)


def _with_true_identities(folder: pathlib.Path) -> dict[str, float]:
    """Metrics of a run if its tracker made no mistakes, as "NAME, linked"."""
    config = json.loads((folder / "config.json").read_text())
    annotations = load_annotations(config["data"]["eval_annotations"])
    if config["data"].get("crowds_are_objects"):  # absent in older work directories
        annotations = crowds_as_objects(annotations)
    tracks = load_results(folder / "results.json", annotations)
    values = evaluate(annotations, with_true_identities(annotations, tracks)).values
    return {f"{name}, linked": value for name, value in values.items()}


def _filled(value: Any, **names: Any) -> Any:
    return value.format(**names) if isinstance(value, str) else value


def markdown_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Mean and sample standard deviation over seeds of each column, in points (0-100)."""
    labels = list(dict.fromkeys(row["run"] for row in rows))
    lines = [
        "| run | seeds | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for label in labels:
        own = [row for row in rows if row["run"] == label]
        cells = [_cell([100 * row[column] for row in own]) for column in columns]
        lines.append(f"| {label} | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.1f}"


def _write_csv(path: pathlib.Path, rows: Sequence[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
