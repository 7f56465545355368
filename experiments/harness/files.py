"""What came out, written down: Markdown, a page, CSV files, figures."""

from __future__ import annotations

import pathlib
import shlex
import sys
from collections.abc import Mapping, Sequence

from experiments.harness.experiment import Findings, Outcome
from experiments.harness.means import raw_rows
from experiments.harness.saved import to_json
from experiments.harness.table import write_csv
from ovis_jax.analysis.analyze import SystemReport
from ovis_jax.analysis.report.files import write_report
from ovis_jax.analysis.report.markdown import markdown
from ovis_jax.analysis.sections import Section
from ovis_jax.formats.atomic import write_json

SECTION = "section.json"


def write_outcome(
    workdir: pathlib.Path,
    outcome: Outcome,
    left_out: Mapping[str, str],
    command: Sequence[str],
) -> None:
    """Writes WORKDIR/NAME.csv and WORKDIR/NAME/, and prints the text.

    Args:
      workdir: of all experiments.
      outcome: what was found.
      left_out: why rows are missing, by label.
      command: arguments of the command line.
    """
    experiment = outcome.experiment
    section = section_of(outcome, left_out)
    intro = intro_lines(outcome, command)
    folder = workdir / experiment.name
    report = SystemReport(experiment.name, [section])
    write_report(folder, experiment.title, intro, [report])
    write_json(folder / SECTION, {"intro": intro, "section": to_json(section)})
    if outcome.rows:
        write_csv(workdir / f"{experiment.name}.csv", raw_rows(outcome))
    print(markdown(experiment.title, intro, [report], lambda *place: None, _picture))
    print(f"# wrote {folder / 'report.html'}", file=sys.stderr)


def section_of(outcome: Outcome, left_out: Mapping[str, str]) -> Section:
    """Question, what is expected, tables, figures, what came out."""
    experiment = outcome.experiment
    found = [part(outcome) for part in experiment.parts]
    paragraphs = [experiment.question]
    if experiment.expected:
        paragraphs.append(f"Expected: {experiment.expected}")
    if experiment.paper.note:
        paragraphs.append(f"The paper: {experiment.paper.note}")
    lines = [line for own in found for line in own.lines]
    if lines:
        paragraphs += ["What came out:", "\n".join(f"- {line}" for line in lines)]
    if left_out:
        rows = (f"- {label}: {reason}" for label, reason in left_out.items())
        paragraphs += ["Left out:", "\n".join(rows)]
    return Section(
        experiment.name,
        experiment.title,
        "\n\n".join(paragraphs),
        [table for own in found for table in own.tables],
        [plot for own in found for plot in own.plots],
        _values(found),
    )


def intro_lines(outcome: Outcome, command: Sequence[str]) -> list[str]:
    """What was measured with: data, seeds, revision, command."""
    runs = [run for own in outcome.rows.values() for run in own]
    lines = [f"Data: {outcome.dataset.name}. {outcome.dataset.size}."]
    if runs:
        training = f"Training: {outcome.dataset.training}."
        lines.append(training if outcome.weights is None else "Nothing was trained.")
        seeds = sorted({run.config["seed"] for run in runs})
        revisions = sorted({str(run.revision) for run in runs})
        lines.append(
            f"Seeds {', '.join(map(str, seeds))}; revision of the code {', '.join(revisions)}."
        )
    program = ["python", "-m", f"experiments.{outcome.experiment.name}"]
    lines.append(f"Command: {shlex.join([*program, *command])}")
    return lines


def _values(found: list[Findings]) -> dict[str, object]:
    return {name: value for own in found for name, value in own.values.items()}


def _picture(label: str, section: Section, plot: object) -> str:
    """Where the report has the plot, seen from its folder."""
    number = list(section.plots).index(plot)
    return f"plots/{section.name}{f'_{number}' if number else ''}.svg"
