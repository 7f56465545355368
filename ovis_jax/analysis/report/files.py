"""Writes a report: report.html, report.md, report.json, tables/*.csv, plots/*.svg."""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Sequence

from ovis_jax.analysis.analyze import SystemReport
from ovis_jax.analysis.report.markdown import markdown
from ovis_jax.analysis.report.page import Link, html_page
from ovis_jax.analysis.report.plots import svg
from ovis_jax.analysis.report.wording import slug
from ovis_jax.analysis.sections import Cell, Interval, Place, Plot, Section, Table
from ovis_jax.formats.atomic import write_json, write_text


def write_report(
    folder: pathlib.Path,
    title: str,
    intro: Sequence[str],
    reports: Sequence[SystemReport],
    link: Link = lambda label, place: None,
) -> list[pathlib.Path]:
    """Writes all files; those of several systems lie in folders of their own.

    Args:
      folder: made if it does not exist.
      title: heading of the page.
      intro: lines below it.
      reports: of systems with different labels.
      link: address of a place in the pictures of a system, relative to `folder`, or None.

    Returns:
      What was written: the page, the Markdown, the JSON, then tables and plots.
    """
    folders = {report.label: _folder(report, reports) for report in reports}
    small = []

    def picture(label: str, section: Section, plot: Plot) -> str:
        number = list(section.plots).index(plot)
        end = f"_{number}" if number else ""
        return str(pathlib.PurePosixPath("plots", folders[label], f"{section.name}{end}.svg"))

    for report in reports:
        for section in report.sections:
            for table in section.tables:
                path = folder / "tables" / folders[report.label] / f"{table.name}.csv"
                write_text(path, csv_text(table))
                small.append(path)
            for plot in section.plots:
                path = folder / picture(report.label, section, plot)
                write_text(path, svg(plot) + "\n")
                small.append(path)
    values = {
        report.label: {section.name: section.values for section in report.sections}
        for report in reports
    }
    page, text, numbers = (folder / f"report.{kind}" for kind in ("html", "md", "json"))
    write_json(numbers, values)
    write_text(text, markdown(title, intro, reports, link, picture))
    write_text(page, html_page(title, intro, reports, link))
    return [page, text, numbers, *small]


def csv_text(table: Table) -> str:
    """A table with full numbers: shares in [0, 1], nothing where nothing is known.

    A column with intervals becomes three, one with places too (text, video id, frame).
    """
    heads, columns = [], []
    for number, column in enumerate(table.columns):
        cells = [row[number] for row in table.rows]
        for end, values in _parts(cells):
            heads.append(f"{column.name}{end}")
            columns.append(["" if value is None else value for value in values])
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([heads, *zip(*columns, strict=True)])
    return stream.getvalue()


def _parts(cells: Sequence[Cell]) -> list[tuple[str, list]]:
    """The columns that a column becomes: what is added to its name, and values."""
    if any(isinstance(cell, Interval) for cell in cells):
        own = [cell if isinstance(cell, Interval) else Interval(cell, None, None) for cell in cells]
        return [
            ("", [cell.value for cell in own]),
            (" low", [cell.low for cell in own]),
            (" high", [cell.high for cell in own]),
        ]
    if any(isinstance(cell, Place) for cell in cells):
        own = [cell if isinstance(cell, Place) else Place(str(cell), None) for cell in cells]
        return [
            ("", [cell.text for cell in own]),
            (" video_id", [cell.video_id for cell in own]),
            (" frame", [cell.frame for cell in own]),
        ]
    return [("", list(cells))]


def _folder(report: SystemReport, reports: Sequence[SystemReport]) -> str:
    """Name of a system's folder; none if it is the only one."""
    if len(reports) == 1:
        return ""
    names = [slug(own.label) for own in reports]
    name = slug(report.label)
    return name if names.count(name) == 1 else f"{name}_{reports.index(report) + 1}"
