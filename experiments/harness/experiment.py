"""What an experiment is: a question, its runs as data, and what answers it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

from experiments.harness.datasets import Dataset
from experiments.harness.finished import FinishedRun
from experiments.harness.measures import Measure
from experiments.harness.runs import Run
from ovis_jax.analysis.sections import Plot, Table


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a part of an experiment hands out.

    Attributes:
      tables: in order.
      plots: in order.
      lines: what came out, a sentence each.
      values: for the JSON file, as in `Section`.
    """

    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    lines: Sequence[str] = ()
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the parts of an experiment look at.

    Attributes:
      experiment: whose runs are finished.
      dataset: that they are of.
      places: paths of the data, by configuration field.
      rows: shown runs, by label; a finished run for each seed.
      weights: folder of the weights that everything was predicted with; None if rows were trained.
    """

    experiment: Experiment
    dataset: Dataset
    places: Mapping[str, str]
    rows: Mapping[str, Sequence[FinishedRun]]
    weights: pathlib.Path | None = None


Part = Callable[[Outcome], Findings]


@dataclasses.dataclass(frozen=True)
class Paper:
    """What the OVIS paper says of the same question.

    Attributes:
      rows: numbers in points by name of a measure, by label; also of systems that have no run.
        They are shown where the data set is the paper's.
      order: labels, the highest AP first, where that much is known; it is compared everywhere.
      note: where the numbers are from, or what is not known.
    """

    rows: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    order: Sequence[str] = ()
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One table or figure.

    Attributes:
      name: of its file, its folder and its CSV file.
      title: as in "Table 2: systems".
      question: what is asked.
      expected: what the paper leads to expect, or what we do.
      runs: rows, the first one is what others are compared with; none if only data are looked at.
      measures: columns.
      parts: tables, plots and sentences, in order.
      paper: the same there.
      not_built: rows of the paper that need what does not exist yet, and have no `Run`.
      dataset: that it is about; None if the command line chooses one.
    """

    name: str
    title: str
    question: str
    expected: str = ""
    runs: Sequence[Run] = ()
    measures: Sequence[Measure] = ()
    parts: Sequence[Part] = ()
    paper: Paper = Paper()
    not_built: Sequence[str] = ()
    dataset: Dataset | None = None

    def ready(self, dataset: Dataset) -> tuple[list[Run], dict[str, str]]:
        """The runs that can be made, and by label what others lack.

        A run that starts from one that cannot be made cannot be made either.
        """
        lacks: dict[str, str] = {}
        for run in self.runs:
            found = run.lacks(dataset) or (run.start in lacks and f"it starts from {run.start}")
            if found:
                lacks[run.label] = found
        return [run for run in self.runs if run.label not in lacks], lacks
