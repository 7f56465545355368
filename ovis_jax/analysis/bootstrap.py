"""Several systems beside each other on the same draws of the videos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovis_jax.analysis.sections import Column, Interval, Table
from ovis_jax.evaluation.comparison import CONFIDENCE, Comparison


def ratios(counts: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Shares on draws of the videos, NaN without anything to count among.

    Args:
      counts: [V, N, 2], what is counted and among how many, by video.
      draws: [B, V] int.

    Returns:
      [B, N] float64.
    """
    sums = np.tensordot(draws, counts, axes=1).astype(float)
    total = sums[..., 1]
    return np.divide(sums[..., 0], total, out=np.full(total.shape, np.nan), where=total > 0)


def ratio_comparison(
    name: str,
    title: str,
    rows: Sequence[str],
    systems: Sequence[str],
    counts: np.ndarray,
    draws: np.ndarray,
    drawn: str = "the videos",
) -> tuple[list[Table], list, dict]:
    """Tables, plots and values of shares; see `comparison_parts`.

    Args:
      name: of the first table.
      title: of the tables.
      rows: N names of the shares.
      systems: S names.
      counts: [S, V, N, 2].
      draws: [B, V] int.
      drawn: what they are draws of, for the note.
    """
    once = np.ones((1, counts.shape[1]), np.int64)
    values = np.stack([ratios(own, once)[0] for own in counts])
    samples = np.stack([ratios(own, draws) for own in counts], axis=1)
    return comparison_parts(name, title, systems, Comparison(tuple(rows), values, samples), drawn)


def comparison_parts(
    name: str,
    title: str,
    systems: Sequence[str],
    comparison: Comparison,
    drawn: str = "the videos",
) -> tuple[list[Table], list, dict]:
    """The tables, plots and values of a `Section` that sets systems side by side.

    Args:
      name: of the first table; the second, of the differences, has "_differences" behind it.
      title: of the tables.
      systems: S names.
      comparison: of shares in [0, 1].
      drawn: what its samples are draws of, for the note.
    """
    values, intervals = comparison.values, comparison.intervals()
    differences, apart = comparison.differences(), comparison.difference_intervals()
    share = f"{100 * CONFIDENCE:.0f} %"
    note = f"In brackets: {share} intervals over {len(comparison.samples)} draws of {drawn}."
    tables = [
        _table(name, title, comparison.names, systems, "%", (values, intervals), note),
        _table(
            f"{name}_differences",
            f"{title}: difference to {systems[0]}",
            comparison.names,
            systems[1:],
            "points",
            (differences[1:], apart[1:]),
            note,
        ),
    ]
    numbers = {
        system: {
            row: {
                "value": _known(values[s, r]),
                "interval": _ends(intervals[s, r]),
                "difference": _known(differences[s, r]),
                "difference_interval": _ends(apart[s, r]),
            }
            for r, row in enumerate(comparison.names)
        }
        for s, system in enumerate(systems)
    }
    return tables, [], numbers


def _table(
    name: str,
    title: str,
    rows: Sequence[str],
    systems: Sequence[str],
    unit: str,
    found: tuple[np.ndarray, np.ndarray],
    note: str,
) -> Table:
    values, ends = found
    body = [
        [row, *(Interval(_known(values[s, r]), *_ends(ends[s, r])) for s in range(len(systems)))]
        for r, row in enumerate(rows)
    ]
    heads = [Column(""), *(Column(system, unit, 1) for system in systems)]
    return Table(name, title, heads, body, note)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _ends(pair: np.ndarray) -> list[float | None]:
    return [_known(value) for value in pair]
