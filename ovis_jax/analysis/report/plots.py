"""Plots → SVG."""

from __future__ import annotations

import itertools

from ovis_jax.analysis.report.drawing import (
    axis_title,
    color,
    drawing,
    ends,
    legend,
    line,
    number_text,
    rectangle,
    scaled,
    text,
    text_width,
    ticks,
)
from ovis_jax.analysis.sections import Axis, Bars, Curves, Line, Matrix, Plot

_WIDTH = 760
_BAR, _GAP = 13, 9
_CELL = 30


def svg(plot: Plot) -> str:
    """The drawing of a plot; its title stands outside."""
    if isinstance(plot, Bars):
        return _bars(plot)
    return _matrix(plot) if isinstance(plot, Matrix) else _curves(plot)


def _bars(plot: Bars) -> str:
    """Bars from left to right, one group below the other, so that long names fit."""
    series = list(plot.series.items())
    known = [scaled(v, plot.y) for _, own in series for v in own if v is not None]
    low, high = ends(known, plot.y)
    left = min(240.0, 12 + max(map(text_width, plot.groups), default=0))
    right, step = _WIDTH - 52, len(series) * _BAR + _GAP
    keys, top = legend([name for name, _ in series], left, 0, right - left)
    bottom = top + 6 + step * len(plot.groups)

    def across(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * (right - left)

    parts = keys if len(series) > 1 else []
    for tick in ticks(low, high):
        parts.append(line((across(tick), top), (across(tick), bottom)))
        parts.append(text(across(tick), bottom + 12, number_text(tick), "middle"))
    parts.append(line((across(0), top), (across(0), bottom), "#888"))
    parts.append(text((left + right) / 2, bottom + 30, axis_title(plot.y), "middle"))
    for g, group in enumerate(plot.groups):
        y = top + 6 + g * step
        parts.append(text(left - 6, y + (step - _GAP) / 2, group, "end"))
        for s, (name, own) in enumerate(series):
            if own[g] is None:
                parts.append(text(across(0) + 4, y + (s + 0.5) * _BAR, "–"))
                continue
            value = scaled(own[g], plot.y)
            first, last = sorted((across(0), across(value)))
            shown = f"{value:.1f}"
            box = (first, y + s * _BAR, last - first, _BAR - 1)
            parts.append(rectangle(box, color(s), f"{group}, {name}: {shown}"))
            parts.append(text(last + 4, y + (s + 0.5) * _BAR - 0.5, shown, extra=' font-size="10"'))
    return drawing(parts, _WIDTH, bottom + 42, plot.title)


def _matrix(plot: Matrix) -> str:
    """Shades of blue, with numbers in percent."""
    left = 30 + max(map(text_width, plot.rows), default=0)
    top = 26 + 0.75 * max(map(text_width, plot.columns), default=0)
    width, height = _CELL * len(plot.columns), _CELL * len(plot.rows)
    parts = [
        text(left + width / 2, 8, plot.column_axis, "middle"),
        text(
            0,
            0,
            plot.row_axis,
            "middle",
            f' transform="translate(8 {top + height / 2:.1f}) rotate(-90)"',
        ),
    ]
    for c, name in enumerate(plot.columns):
        at = f' transform="translate({left + (c + 0.5) * _CELL:.1f} {top - 6:.1f}) rotate(-48)"'
        parts.append(text(0, 0, name, "start", at))
    for r, (name, values) in enumerate(zip(plot.rows, plot.values, strict=True)):
        y = top + r * _CELL
        parts.append(text(left - 6, y + _CELL / 2, name, "end"))
        for c, value in enumerate(values):
            box = (left + c * _CELL, y, _CELL - 1, _CELL - 1)
            tip = f"{name} → {plot.columns[c]}: " + (
                "–" if value is None else f"{100 * value:.1f} %"
            )
            parts.append(rectangle(box, _shade(value), tip))
            if value is not None and value >= 0.005:
                middle = (box[0] + (_CELL - 1) / 2, y + (_CELL - 1) / 2)
                white = ' fill="#fff"' if value > 0.55 else ""
                parts.append(
                    text(*middle, f"{100 * value:.0f}", "middle", ' font-size="10"' + white)
                )
    right = left + width + 0.7 * max(map(text_width, plot.columns[-3:]), default=0)
    return drawing(parts, right + 8, top + height + 8, plot.title)


def _shade(value: float | None) -> str:
    if value is None:
        return "#eee"
    red, green, blue = (round(250 + value * (end - 250)) for end in (8, 69, 148))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _curves(plot: Curves) -> str:
    lines = plot.lines
    x_ends = ends([scaled(v, plot.x) for own in lines for v in own.x], plot.x)
    heights = [
        scaled(v, plot.y)
        for own in lines
        for v in itertools.chain(own.y, own.low, own.high)
        if v is not None
    ]
    y_ends = ends(heights, plot.y)
    left, right, top, height = 58, _WIDTH - 16, 8, 300
    frame = _Frame(plot.x, plot.y, x_ends, y_ends, (left, top, right - left, height))
    parts = []
    for tick in ticks(*x_ends):
        x, _ = frame.place(tick, y_ends[0])
        parts.append(line((x, top), (x, top + height)))
        parts.append(text(x, top + height + 12, number_text(tick), "middle"))
    for tick in ticks(*y_ends):
        _, y = frame.place(x_ends[0], tick)
        parts.append(line((left, y), (right, y)))
        parts.append(text(left - 6, y, number_text(tick), "end"))
    parts += [part for n, own in enumerate(lines) for part in frame.draw(own, color(n))]
    parts.append(text((left + right) / 2, top + height + 32, axis_title(plot.x), "middle"))
    middle = f' transform="translate(12 {top + height / 2}) rotate(-90)"'
    parts.append(text(0, 0, axis_title(plot.y), "middle", middle))
    keys, own = legend([own.label for own in lines], left, top + height + 44, right - left)
    return drawing([*parts, *keys], _WIDTH, top + height + 48 + own, plot.title)


class _Frame:
    """Where values are in a drawing."""

    def __init__(
        self,
        x: Axis,
        y: Axis,
        x_ends: tuple[float, float],
        y_ends: tuple[float, float],
        box: tuple[float, float, float, float],
    ):
        self._axes, self._ends, self._box = (x, y), (x_ends, y_ends), box

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point in the units that are shown."""
        (x_low, x_high), (y_low, y_high) = self._ends
        left, top, width, height = self._box
        down = (min(max(y, y_low), y_high) - y_low) / (y_high - y_low)
        return left + (x - x_low) / (x_high - x_low) * width, top + height * (1 - down)

    def draw(self, own: Line, stroke: str) -> list[str]:
        """The pieces of a curve, points, and the band around it."""
        parts = []
        if own.low and own.high:
            band = [
                (self._point(x, low), self._point(x, high))
                for x, low, high in zip(own.x, own.low, own.high, strict=True)
                if low is not None and high is not None
            ]
            around = [low for low, _ in band] + [high for _, high in reversed(band)]
            if around:
                parts.append(f'<path d="{_path(around)}Z" fill="{stroke}" fill-opacity="0.15"/>')
        for known, group in itertools.groupby(
            zip(own.x, own.y, strict=True), key=lambda pair: pair[1] is not None
        ):
            if known:
                points = [self._point(x, y) for x, y in group]
                parts.append(
                    f'<path d="{_path(points)}" fill="none" stroke="{stroke}" stroke-width="2"/>'
                )
                parts += [
                    f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{stroke}"/>'
                    for x, y in points
                ]
        return parts

    def _point(self, x: float, y: float) -> tuple[float, float]:
        return self.place(scaled(x, self._axes[0]), scaled(y, self._axes[1]))


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
