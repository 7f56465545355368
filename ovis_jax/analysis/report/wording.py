"""How cells, headings and texts read."""

from __future__ import annotations

import re
import textwrap

from ovis_jax.analysis.sections import Cell, Column, Interval, Place, Value

UNKNOWN = "–"


def cell_text(cell: Cell, column: Column) -> str:
    """What stands in a table for people."""
    if isinstance(cell, Place):
        return cell.text
    if not isinstance(cell, Interval):
        return value_text(cell, column)
    value = value_text(cell.value, column)
    if cell.low is None or cell.high is None:
        return value
    return f"{value} [{value_text(cell.low, column)}, {value_text(cell.high, column)}]"


def value_text(value: Value, column: Column) -> str:
    """A number in the unit of its column, or text as it is."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if column.unit == "%":
        return f"{100 * value:.{column.digits}f}"
    if column.unit == "points":
        return f"{100 * value:+.{column.digits}f}"
    return f"{value:.{column.digits}f}" if isinstance(value, float) else str(value)


def sort_key(cell: Cell) -> str | float | None:
    """What a table is sorted by."""
    if isinstance(cell, Interval):
        return cell.value
    return cell.text if isinstance(cell, Place) else cell


def heading(column: Column) -> str:
    """Name and unit."""
    return f"{column.name} ({column.unit})" if column.unit else column.name


def blocks(text: str) -> list[str | list[str]]:
    """Paragraphs, and lists as lists of items; see `Section`."""
    found = []
    for part in re.split(r"\n\s*\n", textwrap.dedent(text).strip()):
        items = re.split(r"^- ", part, flags=re.MULTILINE)
        if len(items) > 1 and not items[0]:
            found.append([" ".join(item.split()) for item in items[1:]])
        elif part:
            found.append(" ".join(part.split()))
    return found


def slug(text: str) -> str:
    """A name for files and anchors."""
    return re.sub(r"[^\w.-]+", "_", text).strip("_.") or "_"
