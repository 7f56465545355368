"""The command line of an experiment: trains or reuses each run, prints a table, writes a CSV file.

An experiment is data: its runs (label, configuration, overrides) and the measures that answer its
question.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from experiments.harness.measures import Measure
from experiments.harness.runs import PlannedRun, Run, plan
from experiments.harness.table import markdown_table, write_csv
from ovis_jax.formats.errors import BAD_INPUT, InputError
from ovis_jax.program.command_line import end


def main(question: str, runs: Sequence[Run], measures: Sequence[Measure]) -> None:
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
    overrides = dict(item.split("=", 1) for item in arguments.override)
    workdir = arguments.workdir.resolve()
    planned = plan(runs, arguments.seeds, overrides, workdir)
    try:
        for each in planned:
            each.check()
    except InputError as error:
        end(error, BAD_INPUT)
    rows = [measured(each, measures) for each in planned]
    print(question + "\n")
    print(markdown_table(rows, measures))
    write_csv(workdir / f"{pathlib.Path(sys.argv[0]).stem}.csv", rows)


def measured(planned: PlannedRun, measures: Sequence[Measure]) -> dict[str, Any]:
    """A row: labels and revision of a run, all of its metrics, and what the question asks for."""
    run = planned.finish()
    asked = {measure.name: measure.of(run) for measure in measures}
    return planned.labels | {"revision": run.revision} | run.metrics | asked
