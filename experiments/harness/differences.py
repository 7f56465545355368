"""Are the rows different? Paired bootstrap over videos, of means over seeds."""

from __future__ import annotations

import numpy as np

from experiments.harness.experiment import Findings, Outcome
from ovis_jax.analysis.bootstrap import comparison_parts, ratio_comparison
from ovis_jax.analysis.frame_errors import RATES
from ovis_jax.analysis.occlusion_errors import COLUMNS
from ovis_jax.analysis.sections import Axis, Bars
from ovis_jax.evaluation.comparison import Comparison, compare, video_draws

DRAWS = 500
_ERRORS = {
    "classification": "classification",
    "segmentation": "segmentation",
    "id_switch": "identity switch",
}


def differences(outcome: Outcome) -> Findings:
    """AP of all rows with intervals, and their differences to the first one.

    All rows are scored on the same draws of the videos; a row's number on a draw is the mean over
    its seeds. So the intervals say what another choice of videos could have changed, not another
    choice of seeds: that is what the spread over seeds is for.
    """
    rows = outcome.rows
    if len(rows) < 2:
        return Findings()
    found = compare([run.matching for runs in rows.values() for run in runs], num_samples=DRAWS)
    ends = np.cumsum([len(runs) for runs in rows.values()])[:-1]
    values = [own.mean(axis=0) for own in np.split(found.values, ends)]
    samples = [own.mean(axis=1) for own in np.split(found.samples, ends, axis=1)]
    means = Comparison(found.names, np.stack(values), np.stack(samples, axis=1))
    labels = list(rows)
    tables, _, numbers = comparison_parts("intervals", "AP with intervals", labels, means)
    return Findings(tables, lines=gain_lines(labels, means), values={"intervals": numbers})


def gain_lines(labels: list[str], means: Comparison, name: str = "AP") -> list[str]:
    """A sentence about AP, by this name, of each row but the first."""
    apart, ends = 100 * means.differences()[:, 0], 100 * means.difference_intervals()[:, 0]
    lines = []
    for label, gain, (low, high) in zip(labels[1:], apart[1:], ends[1:], strict=True):
        if np.isnan(gain):
            continue
        sure = "" if low > 0 or high < 0 else ", which holds 0"
        lines.append(
            f"{label} against {labels[0]}: {name} {gain:+.1f} points, "
            f"95 % interval [{low:+.1f}, {high:+.1f}]{sure}."
        )
    return lines


def error_rates(outcome: Outcome) -> Findings:
    """Errors by occlusion level of all rows; those of its seeds are added up."""
    rows = outcome.rows
    counts = np.stack([sum(run.errors.by_video() for run in runs) for runs in rows.values()])
    flat = counts.reshape(*counts.shape[:2], len(RATES) * len(COLUMNS), 2)
    names = rate_names()
    draws = video_draws(counts.shape[1], DRAWS)
    tables, _, numbers = ratio_comparison(
        "error_rates", "Error rates", names, list(rows), flat, draws
    )
    sums = counts.sum(axis=1).astype(float)  # [rows, rates, columns, 2]
    rates = np.divide(
        sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0
    )
    plots = [
        Bars(
            f"{_ERRORS[rate].capitalize()} errors by occlusion level".replace(
                "switch errors", "switches"
            ),
            Axis("error rate", "%"),
            list(rows),
            {level: [_known(x) for x in rates[:, k, c]] for c, level in enumerate(COLUMNS)},
        )
        for k, rate in enumerate(RATES)
    ]
    lines = [line for label, own in zip(rows, rates, strict=True) for line in _growth(label, own)]
    return Findings(tables if len(rows) > 1 else tables[:1], plots, lines, {"errors": numbers})


def rate_names() -> list[str]:
    """Names of errors at each occlusion level, in the order of the counts."""
    return [f"{_ERRORS[rate]}, {level}" for rate in RATES for level in COLUMNS]


def _growth(label: str, rates: np.ndarray) -> list[str]:
    """Which rates [rates, columns] grow from no to severe occlusion."""
    lines = []
    for rate, own in zip(RATES, rates[:, :-1], strict=True):
        if np.isnan(own).any():
            continue
        does = "grows" if (np.diff(own) > 0).all() else "does not grow steadily"
        shown = ", ".join(f"{100 * x:.1f}" for x in own)
        lines.append(f"{label}: {_ERRORS[rate]} error {does} with occlusion ({shown} %).")
    return lines


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
