"""The report as Markdown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from ovis_jax.analysis.analyze import SystemReport
from ovis_jax.analysis.report.wording import blocks, cell_text, heading
from ovis_jax.analysis.sections import Cell, Column, Place, Plot, Section, Table

Link = Callable[[str, Place], str | None]


def markdown(
    title: str,
    intro: Sequence[str],
    reports: Sequence[SystemReport],
    link: Link,
    picture: Callable[[str, Section, Plot], str],
) -> str:
    """The text.

    Args:
      title: heading.
      intro: lines below it.
      reports: parts.
      link: address of a place in the pictures of a system, or None.
      picture: address of a plot, by label, section and plot.
    """
    lines = [f"# {title}", *intro]
    for report in reports:
        level = "#" * (2 + (len(reports) > 1))
        if len(reports) > 1:
            lines.append(f"## {report.label}")
        for section in report.sections:
            lines += [f"{level} {section.title}", *_text(section.text)]
            tables = [_table(own, functools.partial(link, report.label)) for own in section.tables]
            plots = [
                f"![{plot.title}]({picture(report.label, section, plot)})" for plot in section.plots
            ]
            lines += [*tables[:1], *plots, *tables[1:]]
    return "\n\n".join(lines) + "\n"


def _text(text: str) -> list[str]:
    return [
        block if isinstance(block, str) else "\n".join(f"- {item}" for item in block)
        for block in blocks(text)
    ]


def _table(table: Table, link: Callable[[Place], str | None]) -> str:
    heads = [_escaped(heading(column)) for column in table.columns]
    rules = [":--", *["--:"] * (len(heads) - 1)]
    rows = [
        [_cell(cell, column, link) for cell, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
    lines = ["| " + " | ".join(row) + " |" for row in [heads, rules, *rows]]
    note = ["", table.note] if table.note else []
    return "\n".join([f"**{table.title}**", "", *lines, *note])


def _cell(cell: Cell, column: Column, link: Callable[[Place], str | None]) -> str:
    shown = _escaped(cell_text(cell, column))
    address = link(cell) if isinstance(cell, Place) else None
    return f"[{shown}]({address})" if address else shown


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
