"""Pieces of SVG drawings."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from ovis_jax.analysis.sections import Axis

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a7a7a", "#b8a900")
"""Told apart also by people who see few colours (after Okabe and Ito)."""

FONT = 12
_CHARACTER = 0.58 * FONT  # mean width


def color(number: int) -> str:
    """Of the series with this number."""
    return COLORS[number % len(COLORS)]


def text_width(text: str) -> float:
    """About how wide a text is, in pixels."""
    return _CHARACTER * len(text)


def text(x: float, y: float, words: str, anchor: str = "start", extra: str = "") -> str:
    """A line of text whose middle is at height `y`."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" dominant-baseline="central"'
        f"{extra}>{html.escape(words)}</text>"
    )


def rectangle(box: Sequence[float], fill: str, tip: str = "", extra: str = "") -> str:
    """A filled rectangle (x, y, width, height) with a text that shows when pointed at."""
    x, y, width, height = box
    inner = f"<title>{html.escape(tip)}</title>" if tip else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}"{extra}>{inner}</rect>'
    )


def line(start: Sequence[float], end: Sequence[float], stroke: str = "#ddd") -> str:
    """A straight line."""
    return (
        f'<path d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}" stroke="{stroke}" '
        'fill="none"/>'
    )


def legend(names: Sequence[str], x: float, y: float, width: float) -> tuple[list[str], float]:
    """Squares and names in rows, and the height they take."""
    parts, at, row = [], x, 0
    for number, name in enumerate(names):
        needed = 34 + text_width(name)
        if at > x and at + needed > x + width:
            at, row = x, row + 1
        top = y + 20 * row
        parts.append(rectangle((at, top + 4, 12, 12), color(number)))
        parts.append(text(at + 17, top + 10, name))
        at += needed
    return parts, 20.0 * (row + 1)


def drawing(parts: Sequence[str], width: float, height: float, title: str) -> str:
    """A whole drawing that scales."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" '
        f'font-size="{FONT}" fill="#222" role="img" aria-label="{html.escape(title, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )


def scaled(value: float, axis: Axis) -> float:
    """A value in the unit that is shown."""
    return 100 * value if axis.unit in ("%", "points") else value


def axis_title(axis: Axis) -> str:
    """Label and unit."""
    if not axis.label or not axis.unit:
        return axis.label or axis.unit
    return f"{axis.label} ({axis.unit})"


def ends(values: Sequence[float], axis: Axis) -> tuple[float, float]:
    """From where to where an axis goes, in the unit that is shown; it holds 0 unless fixed."""
    if axis.ends:
        return scaled(axis.ends[0], axis), scaled(axis.ends[1], axis)
    low, high = min([0.0, *values]), max([0.0, *values])
    return (low, high) if high > low else (0.0, 1.0)


def ticks(low: float, high: float, number: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about as many as asked for."""
    rough = (high - low) / number
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [(first + k) * step for k in range(count)]


def number_text(value: float) -> str:
    """A tick's number."""
    return f"{value:.6g}"
