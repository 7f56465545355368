"""Figures over the rows of an experiment: classes, confusion, curves."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence

import numpy as np

from experiments.harness.experiment import Findings, Outcome, Part
from experiments.harness.finished import FinishedRun
from experiments.harness.means import mean, numbers
from experiments.harness.measures import Measure
from ovis_jax.analysis.confusion import NOT_FOUND
from ovis_jax.analysis.sections import Axis, Bars, Column, Curves, Line, Matrix, Table, percent


def class_precision(outcome: Outcome) -> Findings:
    """AP of each class, mean over seeds; classes without objects are left out."""
    rows = outcome.rows
    first = next(iter(rows.values()))[0]
    means = {
        label: {name: _mean_of_class(runs, name) for name in first.class_precision}
        for label, runs in rows.items()
    }
    names = [name for name in first.class_precision if means[next(iter(rows))][name] is not None]
    best = means[next(iter(rows))]
    names.sort(key=lambda name: -best[name])
    table = Table(
        "class_precision",
        "AP of each class",
        [Column("class"), *map(percent, rows)],
        [[name, *(own[name] for own in means.values())] for name in names],
        f"Sorted by AP of {next(iter(rows))}; mean over seeds.",
    )
    bars = Bars(
        "AP of each class",
        Axis("AP", "%"),
        names,
        {label: [own[name] for name in names] for label, own in means.items()},
    )
    lines = [_widest(label, {n: own[n] for n in names}) for label, own in means.items() if names]
    return Findings([table], [bars] if names else [], lines)


def _mean_of_class(runs: Sequence[FinishedRun], name: str) -> float | None:
    return mean([value for run in runs if (value := run.class_precision[name]) >= 0])


def _widest(label: str, values: dict[str, float]) -> str:
    low, high = min(values, key=values.get), max(values, key=values.get)
    return f"{label}: AP from {100 * values[low]:.1f} ({low}) to {100 * values[high]:.1f} ({high})."


def confusion(outcome: Outcome) -> Findings:
    """Classes of objects in frames, true against predicted; those of the seeds are added up."""
    tables, plots, lines = [], [], []
    for label, runs in outcome.rows.items():
        names = list(runs[0].class_precision)
        counts = sum(run.confusion.frames for run in runs)
        rows = np.flatnonzero(counts.any(axis=1)).tolist()
        own, columns = [names[k] for k in rows], [*names, NOT_FOUND]
        shares = counts[rows] / counts[rows].sum(axis=1, keepdims=True)
        title = f"{label}: true and predicted classes"
        tables.append(
            Table(
                f"confusion_{len(tables)}",
                f"{label}: objects in frames",
                [Column("true class"), *map(Column, columns)],
                [[name, *counts[k].tolist()] for name, k in zip(own, rows, strict=True)],
            )
        )
        if rows:
            plots.append(Matrix(title, "true", "predicted", own, columns, shares.tolist()))
            lines.append(_most_confused(label, names, counts))
    return Findings(tables, plots, lines)


def _most_confused(label: str, names: Sequence[str], counts: np.ndarray) -> str:
    shares = counts[:, :-1] / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    true, taken = np.unravel_index(shares.argmax(), shares.shape)
    if not shares[true, taken]:
        return f"{label}: no class is taken for another."
    return (
        f"{label}: {names[true]} is most often taken for another class, {names[taken]} "
        f"({100 * shares[true, taken]:.1f} % of its objects in frames)."
    )


def curves(
    title: str, x: Axis, of: Callable[[FinishedRun], float], measures: Sequence[Measure]
) -> Part:
    """A part that draws measures over a number of each row.

    Rows "NAME, ..." with one NAME make one curve for each measure. The band is the mean and the
    standard deviation over seeds.

    Args:
      title: of the plot.
      x: its axis.
      of: the number of a row.
      measures: that are drawn, in points.
    """

    def draw(outcome: Outcome) -> Findings:
        groups = collections.defaultdict(dict)
        for label, runs in outcome.rows.items():
            groups[label.rpartition(", ")[0]][of(runs[0])] = runs
        lines, found = [], []
        for name, own in groups.items():
            for measure in measures:
                values = [numbers(own[at], measure) for at in sorted(own)]
                text = ", ".join(part for part in (name, measure.name) if part)
                lines.append(_curve(text, sorted(own), values))
                found += _best(text, x.label, lines[-1])
        shown = [line for line in lines if any(y is not None for y in line.y)]
        return Findings(plots=[Curves(title, x, Axis("AP", "%"), shown)], lines=found)

    return draw


def _curve(label: str, x: Sequence[float], values: Sequence[Sequence[float]]) -> Line:
    means = [mean(own) for own in values]
    if max(map(len, values), default=0) < 2:
        return Line(label, x, means)
    spread = [np.std(own, ddof=1) if len(own) > 1 else None for own in values]
    pairs = list(zip(means, spread, strict=True))
    low, high = ([None if s is None else float(m + k * s) for m, s in pairs] for k in (-1, 1))
    return Line(label, x, means, low, high)


def _best(text: str, over: str, line: Line) -> list[str]:
    known = {at: y for at, y in zip(line.x, line.y, strict=True) if y is not None}
    if len(known) < 2:
        return []
    best, first, last = max(known, key=known.get), min(known), max(known)
    shown = {at: f"{100 * known[at]:.1f}" for at in (best, first, last)}
    name = over.partition(",")[0]
    return [
        f"{text} goes from {shown[first]} at {name} {first:g} to {shown[last]} at {last:g}; it is "
        f"highest at {best:g} ({shown[best]})."
    ]
