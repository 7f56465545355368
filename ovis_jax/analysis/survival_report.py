"""Tables and curves of the survival of identities."""

from __future__ import annotations

import numpy as np

from ovis_jax.analysis.sections import Axis, Cell, Curves, Interval, Line
from ovis_jax.analysis.survival import (
    LENGTHS,
    SEVERITIES,
    Outcome,
    survived,
    wilson_interval,
)

SEVERITY_LABELS = {
    "slight": "at least slight",
    "severe": "at least severe",
    "hidden": "no mask",
}


def survival_rows(counts: np.ndarray) -> list[list[Cell]]:
    """Of each severity and length, and of each severity, from counts as of `count_outcomes`."""
    rows = []
    for own, severity in zip(counts, SEVERITIES, strict=True):
        label = SEVERITY_LABELS[severity]
        rows += [
            [label, _length_label(length), *_cells(group)]
            for group, length in zip(own, LENGTHS, strict=True)
        ]
        rows.append([label, "any", *_cells(own.sum(axis=0))])
    return rows


def _cells(counts: np.ndarray) -> list[Cell]:
    """Numbers and shares of episodes, [Outcome] int."""
    kept, tracked = survived(counts).tolist()
    found = tracked - int(counts[Outcome.LOST])
    return [
        int(counts.sum()),
        tracked,
        kept,
        int(counts[Outcome.SWITCHED]),
        int(counts[Outcome.LOST]),
        _share(kept, tracked),
        _share(kept, found),
        _share(kept, int(counts.sum())),
    ]


def _share(count: int, total: int) -> Interval | None:
    return Interval(count / total, *wilson_interval(count, total)) if total else None


def survival_line(counts: np.ndarray, label: str) -> Line:
    """A curve over the lengths, from counts [LENGTHS, Outcome], with intervals."""
    cells = [_share(*own) or Interval(None, None, None) for own in survived(counts).tolist()]
    return Line(
        label,
        [low for low, _ in LENGTHS],
        [own.value for own in cells],
        [own.low for own in cells],
        [own.high for own in cells],
    )


def survival_plot(title: str, lines: list[Line]) -> Curves:
    """The curves over a common axis."""
    return Curves(
        title,
        Axis("frames of the occlusion, at least", "frames"),
        Axis("same track before and after", "%", (0.0, 1.0)),
        lines,
    )


def survival_values(counts: np.ndarray) -> dict[str, dict]:
    """By severity, by length, the number of episodes of each outcome, rate and interval."""
    names = [outcome.name.lower() for outcome in Outcome]
    values = {}
    for own, severity in zip(counts, SEVERITIES, strict=True):
        groups = {_length_label(length): own[k] for k, length in enumerate(LENGTHS)}
        groups["any"] = own.sum(axis=0)
        values[severity] = {}
        for label, group in groups.items():
            kept, tracked = survived(group).tolist()
            share = _share(kept, tracked)
            values[severity][label] = {
                **dict(zip(names, group.tolist(), strict=True)),
                "survival": share and share.value,
                "interval": share and [share.low, share.high],
            }
    return values


def _length_label(length: tuple[int, int | None]) -> str:
    low, high = length
    if high is None:
        return f"{low} or more"
    return str(low) if low == high else f"{low} to {high}"
