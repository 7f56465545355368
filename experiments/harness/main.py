"""The command line of an experiment: makes or reuses each run, and writes what came out.

An experiment is data: its runs (label, system, overrides), the measures that answer its question,
and the parts that show them.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Sequence

from experiments.harness.cost import cost_line
from experiments.harness.datasets import ANNOTATIONS, DATASETS, IMAGES, STILLS, Dataset
from experiments.harness.experiment import Experiment, Outcome
from experiments.harness.files import write_outcome
from experiments.harness.processes import cores, finish_side_by_side, shares_of
from experiments.harness.runs import Plan, PlannedRun, Run
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import BAD_INPUT, INTERRUPTED, InputError
from ovis_jax.program.command_line import end
from ovis_jax.tools.tool import ToolParser

RUNS = "runs"  # folder of the runs, below that of the experiments


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> None:
    """Command line of an experiment file; the arguments are `python -m experiments.NAME --help`.

    Experiments that share a folder share the runs that they have in common; each writes its own
    NAME.csv and NAME/ there.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser(experiment).parse_args(given)
    try:
        run(experiment, options, given)
    except InputError as error:
        end(error, BAD_INPUT)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        sys.exit(INTERRUPTED)


def run(experiment: Experiment, options: argparse.Namespace, command: Sequence[str]) -> Outcome:
    """Does what the options say; the report repeats `command`, which they are read from.

    What it will take is said before the first run.

    Raises:
      InputError: data are missing, a setting is wrong, or a folder holds something else.
    """
    shares_of(cores(), options.processes)
    dataset = experiment.dataset or DATASETS[options.dataset]
    workdir = options.workdir.resolve()
    data_dir = options.data_dir and options.data_dir.resolve()
    weights = options.weights and options.weights.resolve()
    runs, left_out = ready(experiment, dataset)
    if options.trained:
        runs = with_weights(runs, weights, left_out)
    runs = chosen(runs, options.rows, left_out)
    plan = Plan(dataset, data_dir, overrides(options.override), workdir / RUNS, weights)
    planned = plan.runs(runs, options.seeds)
    dataset.prepare(data_dir, needed(planned) - set(plan.overrides))
    check(planned)
    print(f"# {cost_line(planned, dataset.rates)}", file=sys.stderr, flush=True)
    finish_side_by_side(planned, workdir, options.processes)
    rows = {
        own.label: [each.finished for each in planned if each.label == own.label]
        for own in runs
        if own.shown
    }
    places = dataset.places(data_dir) | plan.overrides
    outcome = Outcome(experiment, dataset, places, rows, weights if options.trained else None)
    write_outcome(workdir, outcome, left_out, command)
    return outcome


def ready(experiment: Experiment, dataset: Dataset) -> tuple[list[Run], dict[str, str]]:
    """The runs that can be made, and why others are left out, by label.

    Raises:
      InputError: there are rows, and none can be made.
    """
    runs, left_out = experiment.ready(dataset)
    left_out |= {label: "it is not built yet" for label in experiment.not_built}
    if experiment.runs and not runs:
        raise InputError(f"--dataset: none of the rows can be made: {left_out}")
    return runs, left_out


def with_weights(
    runs: Sequence[Run], weights: pathlib.Path | None, left_out: dict[str, str]
) -> list[Run]:
    """The runs that need no training, with weights that are trained; says which do.

    Args:
      runs: of the experiment.
      weights: folder of checkpoints; see `Run.with_weights`.
      left_out: gets those that would have to be trained.

    Raises:
      InputError: there are no weights, or none of the rows.
    """
    if weights is None:
        raise InputError("--trained: expected --weights DIR, too")
    found: dict[str, Run] = {}
    for run in runs:
        own = run.with_weights(weights)
        if own is None or (own.start and own.start not in found):
            left_out[run.label] = "it would have to be trained"
        else:
            found[run.label] = own
    if runs and not found:
        raise InputError(f"--weights: {weights}: no checkpoint of {', '.join(left_out)}")
    return list(found.values())


def chosen(
    runs: Sequence[Run], labels: Sequence[str] | None, left_out: dict[str, str]
) -> list[Run]:
    """The runs with these labels, all without labels, and what they start from, which is no row.

    Args:
      runs: of the experiment.
      labels: what was asked for.
      left_out: gets the others.

    Raises:
      InputError: a label is of no run.
    """
    if labels is None:
        return list(runs)
    known = {own.label for own in runs}
    for label in labels:
        if label not in known:
            raise InputError(f"--rows: {label!r}, expected some of {', '.join(sorted(known))}")
    needed = _with_starts(runs, set(labels))
    for own in runs:
        if own.shown and own.label not in labels:
            left_out[own.label] = "it was not asked for"
    return [
        dataclasses.replace(own, shown=own.shown and own.label in labels)
        for own in runs
        if own.label in needed
    ]


def _with_starts(runs: Sequence[Run], labels: set[str]) -> set[str]:
    """The labels, and those of all runs that they start from."""
    starts = {own.label: own.start for own in runs}
    found, waiting = set(), list(labels)
    while waiting:
        label = waiting.pop()
        if label and label not in found:
            found.add(label)
            waiting.append(starts[label])
    return found


def needed(planned: Sequence[PlannedRun]) -> set[str]:
    """Configuration fields of the data that are read; where nothing is trained, no frames."""
    if not planned:
        return set(ANNOTATIONS)
    stills = STILLS if any(own.has_stills for own in planned) else ()
    return {*ANNOTATIONS, *IMAGES, *stills}


def check(planned: Sequence[PlannedRun]) -> None:
    """Looks at everything that would end a run, before the first one begins.

    Raises:
      InputError: a setting is wrong, a folder has another run, or there is no ground truth.
    """
    for own in planned:
        own.check()
    for path in dict.fromkeys(own.eval_annotations for own in planned if not own.is_finished):
        purpose = (
            "to evaluate with; take a part of the training split (ovis-jax split) and name it by "
            "--override data.eval_annotations=FILE data.eval_images=FOLDER"
        )
        load_annotations(path).check_ground_truth(purpose)


def overrides(items: Sequence[str]) -> dict[str, str]:
    """Values by configuration field from "FIELD=VALUE".

    Raises:
      InputError: one is written otherwise.
    """
    for item in items:
        if "=" not in item:
            raise InputError(f"--override: {item!r}, expected FIELD=VALUE")
    return dict(item.split("=", 1) for item in items)


def parser(experiment: Experiment) -> ToolParser:
    """Of the command line."""
    own = ToolParser(
        prog=f"experiments.{experiment.name}",
        description=experiment.question,
        epilog="On several hosts that share DIR, give each the same command: a run is made by one "
        "of them. A run that was killed goes on where it stopped.",
    )
    if experiment.dataset is None:
        own.add_argument(
            "--dataset",
            choices=sorted(DATASETS),
            default="quickstart",
            help="quickstart: generated data and small networks (default)",
        )
    own.add_argument(
        "--data-dir", type=pathlib.Path, help="folder with the official layout of the data set"
    )
    own.add_argument(
        "--workdir", type=pathlib.Path, required=True, metavar="DIR", help="of all experiments"
    )
    own.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    own.add_argument(
        "--weights",
        type=pathlib.Path,
        metavar="DIR",
        help="imported checkpoints to start from: DIR/SYSTEM of each system",
    )
    own.add_argument(
        "--trained",
        action="store_true",
        help="train nothing: predict with the checkpoints of --weights, which are trained",
    )
    own.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="make N runs side by side, each on its share of the cores",
    )
    own.add_argument("--rows", nargs="+", metavar="LABEL", help="only these rows")
    own.add_argument(
        "--override", nargs="*", default=[], metavar="FIELD=VALUE", help="for every run"
    )
    return own
