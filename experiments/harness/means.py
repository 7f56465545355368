"""The table of an experiment: mean and spread over seeds, beside the paper's rows; and its bars."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from experiments.harness.experiment import Findings, Outcome
from experiments.harness.finished import FinishedRun
from experiments.harness.measures import POINTS, Measure, Unit
from ovis_jax.analysis.report.wording import UNKNOWN
from ovis_jax.analysis.sections import Axis, Bars, Column, Table

THEIRS = "the paper's"


def table_of_means(outcome: Outcome) -> Findings:
    """A row for each run with mean and sample standard deviation over seeds."""
    experiment = outcome.experiment
    measures = experiment.measures
    rows = [
        [label, len(runs), *(mean_text(numbers(runs, own), own.unit) for own in measures)]
        for label, runs in outcome.rows.items()
    ]
    note = "Mean ± standard deviation over seeds."
    if all(own.unit == POINTS for own in measures):
        note = f"{note[:-1]}; points, 0 to 100."
    if outcome.dataset.of_paper:
        rows += [
            [f"{label} ({THEIRS})", None, *(_shown(own.get(m.name), m.unit) for m in measures)]
            for label, own in experiment.paper.rows.items()
        ]
    heads = [Column("run"), Column("seeds"), *(Column(_heading(own)) for own in measures)]
    values = {
        label: {own.name: numbers(runs, own) for own in measures}
        for label, runs in outcome.rows.items()
    }
    table = Table("means", experiment.title, heads, rows, note)
    return Findings([table], lines=order_lines(outcome), values={"runs": values})


def bars_of_means(outcome: Outcome) -> Findings:
    """The means of all measures in points, a group for each row."""
    shown = [own for own in outcome.experiment.measures if own.unit == POINTS]
    bars = {own.name: [mean(numbers(runs, own)) for runs in outcome.rows.values()] for own in shown}
    known = {name: values for name, values in bars.items() if any(v is not None for v in values)}
    if not known:
        return Findings()
    title = outcome.experiment.title
    return Findings(plots=[Bars(title, Axis("AP", "%"), list(outcome.rows), known)])


def order_lines(outcome: Outcome) -> list[str]:
    """Where the order of AP is another than the paper's."""
    precision = next((own for own in outcome.experiment.measures if own.name == "AP"), None)
    paper = outcome.experiment.paper
    wanted = list(paper.order) or sorted(
        (label for label, own in paper.rows.items() if "AP" in own),
        key=lambda label: -paper.rows[label]["AP"],
    )
    if precision is None:
        return []
    found = {
        label: mean(numbers(outcome.rows[label], precision))
        for label in wanted
        if label in outcome.rows
    }
    found = {label: value for label, value in found.items() if value is not None}
    if len(found) < 2:
        return []
    labels, wrong = list(found), []
    for k, high in enumerate(labels):
        wrong += [
            f"{low} ({100 * found[low]:.1f}) is above {high} ({100 * found[high]:.1f})"
            for low in labels[k + 1 :]
            if found[low] > found[high]
        ]
    if not wrong:
        return [f"The order of AP is the paper's: {', '.join(labels)}."]
    return [f"The order of AP differs from the paper's ({', '.join(labels)}): {'; '.join(wrong)}."]


def numbers(runs: Sequence[FinishedRun], measure: Measure) -> list[float]:
    """The number of each seed that has one."""
    found = (measure.of(run) for run in runs)
    return [value for value in found if value is not None]


def mean(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return statistics.fmean(values) if values else None


def mean_text(values: Sequence[float], unit: Unit) -> str:
    """Mean and, of several seeds, sample standard deviation in the unit of the table."""
    if not values:
        return UNKNOWN
    shown = [unit.factor * value for value in values]
    text = f"{statistics.fmean(shown):.{unit.decimals}f}"
    if len(shown) == 1:
        return text
    return f"{text} ± {statistics.stdev(shown):.{unit.decimals}f}"


def raw_rows(outcome: Outcome) -> list[dict[str, object]]:
    """A row of the CSV file for each run and seed: all of its metrics, and what is asked."""
    measures = outcome.experiment.measures
    return [
        {
            "run": label,
            "config": run.configuration,
            "seed": run.config["seed"],
            "revision": run.revision,
            **run.metrics,
            **{own.name: own.of(run) for own in measures},
        }
        for label, runs in outcome.rows.items()
        for run in runs
    ]


def _shown(points: float | None, unit: Unit) -> str:
    return UNKNOWN if points is None else f"{points:.{unit.decimals}f}"


def _heading(measure: Measure) -> str:
    if measure.unit == POINTS:
        return measure.name
    return f"{measure.name} ({measure.unit.name})"
