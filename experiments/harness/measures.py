"""What can be measured of a finished run; a question names the measures that answer it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from experiments.harness.runs import FinishedRun


@dataclasses.dataclass(frozen=True)
class Unit:
    """How a number is shown.

    Attributes:
      name: as in "frames/s".
      factor: from the measured number to the shown one.
      decimals: of the shown number.
    """

    name: str
    factor: float = 1.0
    decimals: int = 1


POINTS = Unit("points, 0 to 100", factor=100.0)


@dataclasses.dataclass(frozen=True)
class Measure:
    """A column of the table.

    Attributes:
      name: its heading.
      unit: of the numbers in the table.
      of: the number of a finished run, as it is written to the CSV file.
    """

    name: str
    unit: Unit
    of: Callable[[FinishedRun], float]


def metric(name: str) -> Measure:
    """A number of metrics.json, as AP or AR_HO."""
    return Measure(name, POINTS, lambda run: run.metrics[name])


def linked(name: str) -> Measure:
    """The same, if the tracker made no mistakes."""
    return Measure(f"{name}, linked", POINTS, lambda run: run.linked_metrics[name])


AP_BY_OCCLUSION = tuple(map(metric, ("AP", "AP50", "AP75", "AP_SO", "AP_MO", "AP_HO")))
"""The columns of the paper's tables."""
