"""What can be measured of a finished run; a question names the measures that answer it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from experiments.harness.finished import FinishedRun


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
      of: the number of a finished run, as it is written to the CSV file; None where there is
        nothing to measure.
    """

    name: str
    unit: Unit
    of: Callable[[FinishedRun], float | None]


def metric(name: str) -> Measure:
    """A number of metrics.json, as AP or AR_HO."""
    return Measure(name, POINTS, lambda run: _known(run.metrics, name))


def linked(name: str) -> Measure:
    """The same, if the tracker made no mistakes."""
    return Measure(f"{name}, linked", POINTS, lambda run: _known(run.linked_metrics, name))


def _known(values: Mapping[str, float], name: str) -> float | None:
    """The evaluator's -1 stands for nothing to be found."""
    value = values.get(name, -1)
    return None if value < 0 else value


AP_BY_OCCLUSION = tuple(map(metric, ("AP", "AP50", "AP75", "AP_SO", "AP_MO", "AP_HO")))
"""The columns of the paper's tables."""

AP_AND_AR = (*AP_BY_OCCLUSION[:3], metric("AR1"), metric("AR10"), *AP_BY_OCCLUSION[3:])
"""Those of its Table 2."""
