"""Rows of numbers as a Markdown table over seeds, and as a CSV file."""

from __future__ import annotations

import csv
import io
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from experiments.harness.measures import Measure, Unit
from ovis_jax.formats.atomic import write_text


def markdown_table(rows: Sequence[dict[str, Any]], measures: Sequence[Measure]) -> str:
    """Mean and sample standard deviation over seeds of each measure, in its unit.

    Args:
      rows: of each run and seed: "run", its label, and the measured numbers by name.
      measures: columns.
    """
    labels = list(dict.fromkeys(row["run"] for row in rows))
    lines = [
        "| run | seeds | " + " | ".join(measure.name for measure in measures) + " |",
        "|---" * (len(measures) + 2) + "|",
    ]
    for label in labels:
        own = [row for row in rows if row["run"] == label]
        cells = [_cell([row[m.name] for row in own], m.unit) for m in measures]
        lines.append(f"| {label} | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_csv(path: pathlib.Path, rows: Sequence[dict[str, Any]]) -> None:
    """Writes all rows, as they were measured; the first row names the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _cell(values: Sequence[float], unit: Unit) -> str:
    shown = [unit.factor * value for value in values]
    mean = f"{statistics.mean(shown):.{unit.decimals}f}"
    if len(shown) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(shown):.{unit.decimals}f}"
