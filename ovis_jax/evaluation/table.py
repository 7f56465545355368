"""Metrics as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ovis_jax.evaluation.comparison import CONFIDENCE, Comparison
from ovis_jax.evaluation.groups import AREA_RANGES, OCCLUSION_RANGES
from ovis_jax.evaluation.parts import PartMetrics
from ovis_jax.evaluation.summary import Metrics
from ovis_jax.formats.annotations import Category

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
_HEAD = ("AP", "AP50", "AP75", "AR1", "AR10", "AR100")
_LABEL, _CELL = 28, 8
_MANY = 100  # categories; of so many, those without objects are not listed
_LONGEST = 60  # characters of a category's name that are shown


def format_table(metrics: Metrics) -> str:
    """The numbers in percent, "-" where there is no such ground truth; notes below.

    Occlusion groups are left out where no object has an occlusion label.
    """
    values = metrics.values
    groups = [name for name in AREA_RANGES if name != "all"] + _occlusion_groups(metrics)
    words = _AREA_WORDS | _OCCLUSION_WORDS
    lines = [
        _row("", _HEAD),
        _row("all", [_percent(values[name]) for name in _HEAD]),
        "",
        _row("", ("AP", "AR100")),
    ]
    for name in groups:
        cells = (_percent(values[f"AP_{name}"]), _percent(values[f"AR_{name}"]))
        lines.append(_row(words[name], cells))
    return "\n".join([*lines, *(f"\nNote: {note}" for note in metrics.notes)])


def format_categories(metrics: Metrics) -> str:
    """One row for each category, in percent; of more than 100, those with objects."""
    names = ["AP", "AP50", "AP75", "AR100"]
    names[3:3] = [f"AP_{name}" for name in _occlusion_groups(metrics)]
    return _category_rows(metrics.categories, metrics.category_values, names)


def format_groups(metrics: Metrics | PartMetrics, groups: Mapping[str, Collection[int]]) -> str:
    """One row for each group of categories, in percent; of parts, their mean.

    Args:
      metrics: of all categories.
      groups: category ids by name of the group.
    """
    lines = [_row("categories", _HEAD)]
    for group, ids in groups.items():
        values = metrics.over(ids)
        lines.append(_row(f"{group} ({len(ids)})", [_percent(values[name]) for name in _HEAD]))
    return "\n".join(lines)


def format_parts(metrics: PartMetrics) -> str:
    """The numbers of the parts and their mean side by side, in percent; notes below."""
    columns = {name: own.values for name, own in metrics.parts.items()} | {"mean": metrics.mean}
    lines = [_row("", list(columns))]
    for name in metrics.mean:
        lines.append(_row(name, [_percent(values[name]) for values in columns.values()]))
    notes = [(part, note) for part, own in metrics.parts.items() for note in own.notes]
    return "\n".join([*lines, *(f"\nNote ({part} videos): {note}" for part, note in notes)])


def format_part_categories(metrics: PartMetrics) -> str:
    """AP of the parts and its mean, in percent; rows as in `format_categories`."""
    first, *_ = metrics.parts.values()
    tables = {name: own.category_values for name, own in metrics.parts.items()}
    tables |= {"mean": metrics.category_means()}
    rows = {
        category.id: {name: table[category.id]["AP"] for name, table in tables.items()}
        for category in first.categories
    }
    return "AP\n" + _category_rows(first.categories, rows, list(tables))


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


def _category_rows(
    categories: Sequence[Category],
    rows: Mapping[int, Mapping[str, float]],
    names: Sequence[str],
) -> str:
    """One row for each category; of a large vocabulary only those that have a number."""
    known = [c for c in categories if any(rows[c.id][name] >= 0 for name in names)]
    shown = known if len(categories) > _MANY else categories
    width = min(max([_LABEL - 1, *(len(c.name) for c in shown)]), _LONGEST) + 1
    lines = [_row("category", names, width)]
    for category in shown:
        cells = [_percent(rows[category.id][name]) for name in names]
        lines.append(_row(_shortened(category.name), cells, width))
    if len(shown) < len(categories):
        lines.append(f"({len(categories) - len(shown)} categories without objects are left out)")
    return "\n".join(lines)


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


def _row(label: str, cells: Sequence[str], width: int = _LABEL) -> str:
    return (label.ljust(width) + "".join(cell.rjust(_CELL) for cell in cells)).rstrip()


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _percent(value: float) -> str:
    return "-" if value < 0 else f"{100 * value:.1f}"
