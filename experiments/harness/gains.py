"""Gains of arms over the first one, as a function of what the data are like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.harness.differences import DRAWS, rate_names
from experiments.harness.experiment import Experiment, Findings, Outcome, Part
from experiments.harness.over_seeds import (
    DRAWN,
    Rows,
    compared_rows,
    error_counts,
    seed_draws,
)
from ovis_jax.analysis.bootstrap import ratios
from ovis_jax.analysis.sections import Axis, Bars, Column, Interval, Table
from ovis_jax.evaluation.comparison import CONFIDENCE, Comparison, video_draws

BETWEEN = ": "  # of a condition and an arm, in the label of a row
_NOTE = f"In brackets: {100 * CONFIDENCE:.0f} % intervals over {DRAWS} draws of {DRAWN}."
LEVELS = ("AP_SO", "AP_MO", "AP_HO")


def only(part: Part, labels: Sequence[str]) -> Part:
    """A part that looks at some rows, those of the labels that there are, in their order."""

    def look(outcome: Outcome) -> Findings:
        rows = {label: outcome.rows[label] for label in labels if label in outcome.rows}
        return part(_with_rows(outcome, rows)) if rows else Findings()

    return look


def joined(outcomes: Mapping[str, Outcome], experiment: Experiment, labels: Sequence[str]):
    """One outcome of several conditions, whose rows are called "CONDITION: ARM"."""
    rows = {
        f"{condition}{BETWEEN}{label}": outcome.rows[label]
        for condition, outcome in outcomes.items()
        for label in labels
        if label in outcome.rows
    }
    first = next(iter(outcomes.values()))
    return Outcome(experiment, first.dataset, first.places, rows, first.weights)


def gains(outcome: Outcome) -> Findings:
    """A table for each arm: its gain over the first one, by condition and group of objects."""
    found = {name: compared_rows(rows) for name, rows in _by_condition(outcome).items()}
    found = {name: own for name, own in found.items() if len(own.values) > 1}
    if not found:
        return Findings()
    arms = _arms(outcome)
    names = next(iter(found.values())).names
    tables = [
        _table(f"gain_{number}", f"AP: gain of {arm} over {arms[0]}", names, rows)
        for number, arm in enumerate(arms[1:], start=1)
        if (rows := _arm(found, outcome, arm))
    ]
    bars = Bars(
        f"Gain of AP over {arms[0]}",
        Axis("gain", "points"),
        list(found),
        {arm: [_point(rows, name) for name in found] for arm, rows in _rows_of(found, outcome)},
    )
    lines = [
        line
        for arm, rows in _rows_of(found, outcome)
        for name, own in rows.items()
        for line in _lines(arm, arms[0], name, dict(zip(names, own, strict=True)))
    ]
    values = {
        arm: {
            name: {k: _plain(v) for k, v in zip(names, own, strict=True)}
            for name, own in rows.items()
        }
        for arm, rows in _rows_of(found, outcome)
    }
    return Findings(tables, [bars], lines, {"gains": values})


def error_gains(outcome: Outcome) -> Findings:
    """A table for each arm: how much its error rates differ from those of the first one."""
    found = {}
    for name, rows in _by_condition(outcome).items():
        counts = error_counts(rows)
        _, seeds, videos, number, _ = counts.shape
        draws = video_draws(videos, DRAWS)[:, None, :] * seed_draws(seeds)[:, :, None]
        flat = counts.reshape(len(rows), seeds * videos, number, 2)
        once = np.ones((1, seeds * videos), np.int64)
        values = np.stack([ratios(own, once)[0] for own in flat])
        samples = np.stack([ratios(own, draws.reshape(DRAWS, -1)) for own in flat], axis=1)
        if len(values) > 1:
            found[name] = Comparison(tuple(rate_names()), values, samples)
    if not found:
        return Findings()
    first = _arms(outcome)[0]
    tables = [
        Table(
            f"errors_{number}",
            f"Error rates: {arm} less {first}",
            [Column("error"), *(Column(condition, "points", 1) for condition in rows)],
            [[name, *own] for name, *own in zip(rate_names(), *rows.values(), strict=True)],
            _NOTE,
        )
        for number, (arm, rows) in enumerate(_rows_of(found, outcome), start=1)
    ]
    return Findings(tables)


def _by_condition(outcome: Outcome) -> dict[str, Rows]:
    found: dict[str, dict] = {}
    for label, runs in outcome.rows.items():
        condition, _, arm = label.partition(BETWEEN)
        found.setdefault(condition, {})[arm] = runs
    return found


def _arms(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(label.partition(BETWEEN)[2] for label in outcome.rows))


def _rows_of(found: Mapping[str, Comparison], outcome: Outcome):
    """Every arm but the first, with its differences by condition."""
    arms = ((arm, _arm(found, outcome, arm)) for arm in _arms(outcome)[1:])
    return [(arm, rows) for arm, rows in arms if rows]


def _arm(found: Mapping[str, Comparison], outcome: Outcome, arm: str) -> dict[str, list[Interval]]:
    """Differences of an arm to the first one by condition, an interval for each number."""
    rows = {}
    for condition, arms in _by_condition(outcome).items():
        if condition in found and arm in list(arms)[1:]:
            place = list(arms).index(arm)
            values = found[condition].differences()[place]
            ends = found[condition].difference_intervals()[place]
            rows[condition] = [
                Interval(*(None if np.isnan(x) else float(x) for x in (value, *pair)))
                for value, pair in zip(values, ends, strict=True)
            ]
    return rows


def _table(name: str, title: str, heads: Sequence[str], rows: Mapping[str, Sequence]) -> Table:
    return Table(
        name,
        title,
        [Column("data"), *(Column(head, "points", 1) for head in heads)],
        [[condition, *own] for condition, own in rows.items()],
        _NOTE,
    )


def _point(rows: Mapping[str, Sequence[Interval]], condition: str) -> float | None:
    return rows[condition][0].value if condition in rows else None


def _plain(own: Interval) -> dict:
    return {"difference": own.value, "difference_interval": [own.low, own.high]}


def _lines(arm: str, first: str, condition: str, own: Mapping[str, Interval]) -> list[str]:
    """Whether the gain is one, and whether it rises with occlusion."""
    gain = own["AP"]
    if gain.value is None:
        return []
    sure = "" if gain.low > 0 or gain.high < 0 else ", which holds 0"
    text = (
        f"{condition}: {arm} against {first}: AP {100 * gain.value:+.1f} points, "
        f"[{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]{sure}"
    )
    levels = [own[name].value for name in LEVELS if name in own]
    if len(levels) < len(LEVELS) or None in levels:
        return [f"{text}."]
    rises = "rises" if (np.diff(levels) > 0).all() else "does not rise"
    shown = ", ".join(f"{100 * value:+.1f}" for value in levels)
    return [f"{text}; it {rises} from SO over MO to HO ({shown})."]


def _with_rows(outcome: Outcome, rows: Rows) -> Outcome:
    return Outcome(outcome.experiment, outcome.dataset, outcome.places, rows, outcome.weights)
