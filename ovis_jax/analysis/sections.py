"""What an analysis hands out: text, tables, plots and numbers, ready for any kind of report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

Value = str | float | int | None
"""What stands in a cell; None where there is nothing to be measured."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A cell that names a place in a video; a link where the report has pictures.

    Attributes:
      text: what is shown.
      video_id: of the annotations.
      frame: number of the frame, from 0; None for the whole video.
    """

    text: str
    video_id: int
    frame: int | None = None


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
      name: heading.
      unit: "" for text and plain numbers, "%" for shares in [0, 1] that are shown times 100,
        "points" for differences of such shares, or a unit that is shown beside the heading
        ("frames", "pixels").
      digits: after the decimal point; 0 for counts. Text ignores it.
    """

    name: str
    unit: str = ""
    digits: int = 0


def percent(name: str) -> Column:
    """A column of shares in [0, 1], shown in percent."""
    return Column(name, "%", 1)


@dataclasses.dataclass(frozen=True)
class Interval:
    """A cell with a confidence interval, in the unit of its column."""

    value: float | None
    low: float | None
    high: float | None


Cell = Value | Place | Interval


@dataclasses.dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
      name: of its file, in lower case with underscores; unique within a report.
      title: above it.
      columns: headings; the first column names the row.
      rows: as long as `columns` each.
      note: below it; "" for none.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Axis:
    """An axis of a plot; `unit` as in `Column`, `ends` fix it, else the data do."""

    label: str
    unit: str = ""
    ends: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Line:
    """A curve; None in `y` breaks it. `low` and `high` are a band around it, or empty."""

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclasses.dataclass(frozen=True)
class Curves:
    """Curves over a common axis."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]


@dataclasses.dataclass(frozen=True)
class Bars:
    """Groups of bars.

    Attributes:
      title: above.
      y: axis of the values.
      groups: names along the other axis.
      series: for each kind of bar its name and values, one for each group.
    """

    title: str
    y: Axis
    groups: Sequence[str]
    series: Mapping[str, Sequence[float | None]]


@dataclasses.dataclass(frozen=True)
class Matrix:
    """Numbers in a grid of shades.

    Attributes:
      title: above.
      row_axis: what rows are; likewise `column_axis`.
      column_axis: see `row_axis`.
      rows: their names.
      columns: their names.
      values: shares in [0, 1], or None; as many rows as `rows`.
    """

    title: str
    row_axis: str
    column_axis: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]


Plot = Curves | Bars | Matrix


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
      name: key of its numbers in the JSON file, in lower case with underscores.
      title: heading.
      text: what is measured: plain paragraphs, parted by an empty line and filled anew by the
        report. A paragraph whose lines begin with "- " is a list; indented lines go on.
      tables: in order.
      plots: in order.
      values: for the JSON file: what `json.dumps` takes, without NaN; shares in [0, 1].
    """

    name: str
    title: str
    text: str
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)
