"""Are the rows different? Paired bootstrap over videos and seeds at once.

Another draw of the validation videos, and another draw of the seeds, could have given other
numbers. Every draw takes as many videos and as many seeds as there are, with replacement, the same
ones for all rows, since rows with one seed start from the same weights and see the same batches.
So the intervals hold both kinds of chance; where all seeds go on from one detector, not that of
another one. Few seeds are a poor sample of all: with S of them the
spread over seeds comes out too small by a factor of about the square root of (S - 1) / S.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.harness.differences import DRAWS, gain_lines, rate_names
from experiments.harness.experiment import Findings, Outcome, Part
from experiments.harness.finished import FinishedRun
from ovis_jax.analysis.bootstrap import comparison_parts, ratio_comparison
from ovis_jax.evaluation.comparison import Comparison, compare, video_draws
from ovis_jax.formats.errors import InputError

DRAWN = "the videos and the seeds"

Rows = Mapping[str, Sequence[FinishedRun]]


def differences_over_seeds(
    name: str = "intervals", title: str = "AP with intervals", class_agnostic: bool = False
) -> Part:
    """A part: AP of all rows with intervals, and their differences to the first one.

    Args:
      name: of the tables; unique among the parts of an experiment.
      title: of the tables.
      class_agnostic: AP as if all tracks and objects were of one category.
    """
    shown = "AP regardless of classes" if class_agnostic else "AP"

    def compared(outcome: Outcome) -> Findings:
        labels = list(outcome.rows)
        if len(labels) < 2:
            return Findings()
        means = compared_rows(outcome.rows, class_agnostic)
        tables, _, numbers = comparison_parts(name, title, labels, means, DRAWN)
        return Findings(tables, lines=gain_lines(labels, means, shown), values={name: numbers})

    return compared


def error_rates_over_seeds(outcome: Outcome) -> Findings:
    """Errors by occlusion level of all rows, and their differences to the first one."""
    if len(outcome.rows) < 2:
        return Findings()
    counts = error_counts(outcome.rows)
    rows, seeds, videos, number, _ = counts.shape
    draws = video_draws(videos, DRAWS)[:, None, :] * seed_draws(seeds)[:, :, None]
    tables, _, numbers = ratio_comparison(
        "error_rates",
        "Error rates",
        rate_names(),
        list(outcome.rows),
        counts.reshape(rows, seeds * videos, number, 2),
        draws.reshape(DRAWS, -1),
        DRAWN,
    )
    return Findings(tables, values={"errors": numbers})


def compared_rows(rows: Rows, class_agnostic: bool = False) -> Comparison:
    """AP of rows, means over their seeds, on draws of videos and seeds.

    Args:
      rows: to compare.
      class_agnostic: AP as if all tracks and objects were of one category.

    Raises:
      InputError: see `same_seeds`.
    """
    count = same_seeds(rows)
    found = compare(
        [
            run.class_agnostic_matching if class_agnostic else run.matching
            for runs in rows.values()
            for run in runs
        ],
        num_samples=DRAWS,
    )
    values = found.values.reshape(len(rows), count, -1)
    samples = found.samples.reshape(DRAWS, len(rows), count, -1)
    return Comparison(found.names, values.mean(axis=1), mean_over_draws(samples, seed_draws(count)))


def mean_over_draws(samples: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Means [B, rows, names] over drawn seeds of samples [B, rows, seeds, names]; draws [B, seeds].

    Seeds that were not drawn may hold NaN.
    """
    weights = draws[:, None, :, None] / draws.sum(axis=1)[:, None, None, None]
    return np.sum(np.where(weights > 0, samples, 0) * weights, axis=2)


def seed_draws(count: int) -> np.ndarray:
    """[DRAWS, count] int, how often each seed is in each draw; a seed alone is in all."""
    return video_draws(count, DRAWS, seed=1)


def error_counts(rows: Rows) -> np.ndarray:
    """[rows, seeds, videos, errors and levels, 2] int, what is counted and among how many.

    Raises:
      InputError: see `same_seeds`.
    """
    same_seeds(rows)
    counts = np.stack([[run.errors.by_video() for run in runs] for runs in rows.values()])
    return counts.reshape(*counts.shape[:3], len(rate_names()), 2)


def same_seeds(rows: Rows) -> int:
    """How many seeds every row has.

    Raises:
      InputError: rows have other seeds, or others in number.
    """
    seeds = {label: [run.config["seed"] for run in runs] for label, runs in rows.items()}
    first = next(iter(seeds.values()))
    for label, own in seeds.items():
        if own != first:
            raise InputError(f"{label}: seeds {own}, expected {first} as in the first row")
    return len(first)
