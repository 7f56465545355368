"""One HTML page that needs nothing beside it."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Sequence

from ovis_jax.analysis.analyze import SystemReport
from ovis_jax.analysis.report.plots import svg
from ovis_jax.analysis.report.wording import blocks, cell_text, slug, sort_key
from ovis_jax.analysis.sections import Cell, Column, Interval, Place, Section, Table

Link = Callable[[str, Place], str | None]
"""Address of a place in the pictures of a system, by label; None where there is no picture."""

_MANY = 14  # columns from which on headings are turned, so that the table fits on paper


def html_page(title: str, intro: Sequence[str], reports: Sequence[SystemReport], link: Link) -> str:
    """The page.

    Args:
      title: heading.
      intro: lines below it.
      reports: parts of the page.
      link: where places are.
    """
    several = len(reports) > 1
    body = "\n".join(_report(report, several, link) for report in reports)
    return _PAGE.format(
        title=html.escape(title),
        style=_STYLE,
        script=_SCRIPT,
        intro="".join(f"<p>{html.escape(line)}</p>" for line in intro),
        contents=_contents(reports, several),
        body=body,
    )


def anchor(report: SystemReport, section: Section) -> str:
    """Name of a section within the page."""
    return slug(f"{report.label}-{section.name}")


def _contents(reports: Sequence[SystemReport], several: bool) -> str:
    parts = []
    for report in reports:
        links = " · ".join(
            f'<a href="#{anchor(report, own)}">{html.escape(own.title)}</a>'
            for own in report.sections
        )
        name = f"<b>{html.escape(report.label)}</b>: " if several else ""
        parts.append(f"<p>{name}{links}</p>")
    return "".join(parts)


def _report(report: SystemReport, several: bool, link: Link) -> str:
    head = f"<h1>{html.escape(report.label)}</h1>" if several else ""
    return head + "\n".join(
        _section(anchor(report, own), own, functools.partial(link, report.label))
        for own in report.sections
    )


def _section(name: str, section: Section, link: Callable[[Place], str | None]) -> str:
    """A heading, the text, the first table, the plots, and the other tables."""
    plots = [
        f"<figure><figcaption>{html.escape(plot.title)}</figcaption>"
        f'<div class="wide">{svg(plot)}</div></figure>'
        for plot in section.plots
    ]
    tables = [_table(own, link) for own in section.tables]
    body = "\n".join([*tables[:1], *plots, *tables[1:]])
    return (
        f'<section id="{name}"><h2>{html.escape(section.title)}</h2>\n'
        f"{_text(section.text)}\n{body}</section>"
    )


def _text(text: str) -> str:
    parts = []
    for block in blocks(text):
        if isinstance(block, str):
            parts.append(f"<p>{html.escape(block)}</p>")
        else:
            items = "".join(f"<li>{html.escape(item)}</li>" for item in block)
            parts.append(f"<ul>{items}</ul>")
    return "".join(parts)


def _table(table: Table, link: Callable[[Place], str | None]) -> str:
    heads = "".join(_head(column) for column in table.columns)
    rows = "\n".join(
        "<tr>"
        + "".join(_cell(c, k, link) for c, k in zip(row, table.columns, strict=True))
        + "</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{html.escape(table.note)}</p>' if table.note else ""
    kind = ' class="many"' if len(table.columns) > _MANY else ""
    return (
        f'<h3>{html.escape(table.title)}</h3><div class="wide"><table{kind}><thead><tr>{heads}</tr>'
        f"</thead><tbody>\n{rows}\n</tbody></table></div>{note}"
    )


def _head(column: Column) -> str:
    unit = f" <small>{html.escape(column.unit)}</small>" if column.unit else ""
    return f'<th scope="col"><button type="button">{html.escape(column.name)}{unit}</button></th>'


def _cell(cell: Cell, column: Column, link: Callable[[Place], str | None]) -> str:
    shown = html.escape(cell_text(cell, column))
    if isinstance(cell, Interval) and cell.low is not None:
        value, rest = shown.split(" ", 1)
        shown = f"{value} <small>{rest}</small>"
    address = link(cell) if isinstance(cell, Place) else None
    if address:
        shown = f'<a href="{html.escape(address, quote=True)}">{shown}</a>'
    key = sort_key(cell)
    kind = ' class="text"' if isinstance(key, str) else ""
    known = "" if key is None else f' data-key="{html.escape(str(key), quote=True)}"'
    return f"<td{kind}{known}>{shown}</td>"


_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 16px; max-width: 1100px;
  color: #222; background: #fff; }
h1 { font-size: 24px; margin: 28px 0 8px; } h2 { font-size: 20px; margin: 36px 0 8px;
  border-top: 2px solid #222; padding-top: 8px; } h3 { font-size: 15px; margin: 22px 0 6px; }
section > p, section > ul, .intro { max-width: 46em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 3px 10px; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
td.text, th:first-child { text-align: left; }
th { border-bottom: 2px solid #888; vertical-align: bottom; }
th button { font: inherit; font-weight: 600; border: 0; padding: 0; background: none;
  color: inherit; cursor: pointer; text-align: inherit; }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
th:first-child, td:first-child { position: sticky; left: 0; background: #fff; }
small { font-weight: 400; color: #666; font-size: 12px; }
.many th, .many td { padding: 3px 5px; }
.many th:not(:first-child) button { writing-mode: vertical-rl; transform: rotate(180deg); }
.note { color: #555; font-size: 13px; margin: 4px 0; max-width: 60em; }
figure { margin: 20px 0; } figcaption { font-weight: 600; margin-bottom: 6px; }
figure svg { max-width: 100%; min-width: 540px; height: auto; display: block; }
nav p { margin: 4px 0; }
@media print { body { font-size: 10pt; max-width: none; padding: 0; } .wide { overflow: visible; }
  table { font-size: 8pt; } th, td { padding: 1px 5px; }
  .many { font-size: 5.5pt; } .many th, .many td { padding: 1px 2px; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } figure svg { min-width: 0; }
  nav { display: none; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

_SCRIPT = """
for (const head of document.querySelectorAll("th")) {
  head.addEventListener("click", () => {
    const table = head.closest("table"), body = table.tBodies[0], column = head.cellIndex;
    const key = row => row.cells[column].dataset.key;
    const text = [...body.rows].some(row => row.cells[column].classList.contains("text"));
    const before = head.getAttribute("aria-sort");
    const down = before ? before === "ascending" : !text;
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const order = (a, b) => {
      const x = key(a), y = key(b);
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      return sign * (text ? x.localeCompare(y, undefined, {numeric: true}) : x - y);
    };
    body.append(...[...body.rows].sort(order));
  });
}
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body>
<h1>{title}</h1>
<div class="intro">{intro}</div>
<nav>{contents}</nav>
{body}
<script>{script}</script>
</body>
</html>
"""
