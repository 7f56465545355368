"""Metrics as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.comparison import CONFIDENCE, Comparison
from ovis_jax.evaluation.groups import AREA_RANGES, OCCLUSION_RANGES
from ovis_jax.evaluation.summary import Metrics

_AREA_WORDS = {
    "small": "small, up to 128² pixels",
    "medium": "medium, 128² to 256²",
    "large": "large, from 256²",
}
_OCCLUSION_WORDS = {
    "SO": "slightly occluded, SO",
    "MO": "moderately occluded, MO",
    "HO": "heavily occluded, HO",
}
_LABEL, _CELL = 28, 8


def format_table(metrics: Metrics) -> str:
    """The numbers in percent, "-" where there is no such ground truth; notes below.

    Occlusion groups are left out where no object has an occlusion label.
    """
    values = metrics.values
    groups = [name for name in AREA_RANGES if name != "all"] + _occlusion_groups(metrics)
    words = _AREA_WORDS | _OCCLUSION_WORDS
    head = ("AP", "AP50", "AP75", "AR1", "AR10", "AR100")
    lines = [
        _row("", head),
        _row("all", [_percent(values[name]) for name in head]),
        "",
        _row("", ("AP", "AR100")),
    ]
    for name in groups:
        cells = (_percent(values[f"AP_{name}"]), _percent(values[f"AR_{name}"]))
        lines.append(_row(words[name], cells))
    return "\n".join([*lines, *(f"\nNote: {note}" for note in metrics.notes)])


def format_categories(metrics: Metrics) -> str:
    """One row for each category, in percent."""
    names = ["AP", "AP50", "AP75", "AR100"]
    names[3:3] = [f"AP_{name}" for name in _occlusion_groups(metrics)]
    lines = [_row("category", names)]
    for category in metrics.categories:
        values = metrics.category_values[category.id]
        lines.append(_row(category.name, [_percent(values[name]) for name in names]))
    return "\n".join(lines)


def format_comparison(comparison: Comparison, labels: Sequence[str]) -> str:
    """Systems side by side: numbers and differences to the first one, with intervals, in points."""
    width = max(map(len, labels)) + 2
    intervals, differences = comparison.intervals(), comparison.differences()
    apart = comparison.difference_intervals()
    lines = ["".ljust(width) + "".join(f"{name:<24}" for name in comparison.names)]
    for number, label in enumerate(labels):
        own = zip(comparison.values[number], intervals[number], strict=True)
        lines.append(label.ljust(width) + "".join(f"{_with_interval(*c):<24}" for c in own))
    percent = f"{100 * CONFIDENCE:.0f} %"
    lines += ["", f"Difference to {labels[0]}, with {percent} intervals over draws of the videos:"]
    for number, label in enumerate(labels[1:], start=1):
        own = zip(differences[number], apart[number], strict=True)
        cells = "".join(f"{_with_interval(*c, sign=True):<24}" for c in own)
        lines.append(label.ljust(width) + cells)
    return "\n".join(line.rstrip() for line in lines)


def _occlusion_groups(metrics: Metrics) -> list[str]:
    """The groups, if an object is in one of them."""
    names = [name for name in OCCLUSION_RANGES if name != "all"]
    return names if any(metrics.values.get(f"AP_{name}", -1) >= 0 for name in names) else []


def _with_interval(value: float, ends: Sequence[float], *, sign: bool = False) -> str:
    if np.isnan(value):
        return "-"
    form = "+.1f" if sign else ".1f"
    low, high = (format(100 * end, form) for end in ends)
    return f"{format(100 * value, form)} [{low}, {high}]"


def _row(label: str, cells: list[str] | tuple[str, ...]) -> str:
    return (label.ljust(_LABEL) + "".join(cell.rjust(_CELL) for cell in cells)).rstrip()


def _percent(value: float) -> str:
    return "-" if value < 0 else f"{100 * value:.1f}"
