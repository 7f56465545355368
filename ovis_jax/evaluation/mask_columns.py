"""Masks as spans in the columns of a frame, so that intersections are minima and maxima.

Run lengths go down the columns. A column of a mask mostly has one span of ones, so N masks are two
arrays over all their columns; a second span in a column goes to a second *layer*, and so on.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from ovis_jax.formats.run_pairs import RunPairs, read_pairs

MAX_LAYERS = 4
"""With more spans in a column, merging runs is quicker than comparing every layer with every."""

MAX_PIXELS = 1 << 31
"""Of all masks together, and of what `shared_pixels` adds up."""

MAX_HEIGHT = (1 << 15) - 1


@dataclasses.dataclass(frozen=True)
class MaskColumns:
    """Spans of N masks of width W in L layers; rows from `start` to before `stop`.

    Attributes:
      start: [L, N, W] int16; likewise `stop`. Both are 0 where a column has no span.
      stop: see `start`.
      left: [L, N] first column with a span; W where there is none.
      right: [L, N] column behind the last one with a span; 0 where there is none.
    """

    start: np.ndarray
    stop: np.ndarray
    left: np.ndarray
    right: np.ndarray


def mask_columns(counts: Sequence[str], height: int, width: int) -> MaskColumns | None:
    """Reads at least one compressed mask; they have been checked.

    Returns:
      None if another way is better: there are too many spans in a column, or too many pixels.
    """
    if height > MAX_HEIGHT or len(counts) * height * width >= MAX_PIXELS:
        return None
    spans = _Spans.of(read_pairs(counts), height)
    layers = [spans]
    again = spans.again()
    if again.size:
        layer = np.zeros(spans.column.size, np.int8)
        layer[again] = np.minimum(_places(again) + 1, MAX_LAYERS)
        if layer.max() == MAX_LAYERS:
            return None
        layers = [spans.part(layer == number) for number in range(layer.max() + 1)]
    return _dense(layers, len(counts), width)


def shared_pixels(masks: MaskColumns, rows: slice, others: slice) -> np.ndarray:
    """[R, C] int64, pixels that each of some masks shares with each of others."""
    shared = np.zeros((rows.stop - rows.start, others.stop - others.start), np.int64)
    for one, two in itertools.product(range(len(masks.start)), repeat=2):
        left = max(masks.left[one, rows].min(), masks.left[two, others].min())
        right = min(masks.right[one, rows].max(), masks.right[two, others].max())
        if left < right:
            a, b = (one, rows, None, slice(left, right)), (two, others, slice(left, right))
            common = np.minimum(masks.stop[a], masks.stop[b])
            common -= np.maximum(masks.start[a], masks.start[b])
            shared += np.maximum(common, 0, out=common).sum(axis=-1, dtype=np.int32)
    return shared


@dataclasses.dataclass(frozen=True)
class _Spans:
    """Spans of ones, ascending; all [spans] int32.

    Attributes:
      column: counted through all masks.
      start: first row.
      stop: row behind the last one. An empty span is where a mask has ended with zeros: in the
        first column of the next one.
    """

    column: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    @classmethod
    def of(cls, found: RunPairs, height: int) -> _Spans:
        ones = found.ones()
        begin = np.cumsum(found.zeros() + ones)
        begin -= ones
        begin, ones = begin.astype(np.int32), ones.astype(np.int32)
        column = begin // np.int32(height)
        start = begin - column * np.int32(height)
        spans = cls(column, start, start + ones)
        return spans if spans.stop.max() <= height else spans._split(height)

    def _split(self, height: int) -> _Spans:
        """Parts those that go on in the next column; leaves out empty ones."""
        times = np.where(self.stop > self.start, (self.stop + (height - 1)) // height, 0)
        column, start, stop = (np.repeat(a, times) for a in (self.column, self.start, self.stop))
        step = np.arange(column.size, dtype=np.int32)
        step -= np.repeat(np.cumsum(times, dtype=np.int32) - times, times)
        start[step > 0] = 0
        return _Spans(column + step, start, np.minimum(stop - step * height, height))

    def again(self) -> np.ndarray:
        """Those that have another one before them in their column."""
        same = np.flatnonzero(self.column[1:] == self.column[:-1])
        return same[self.stop[same] > self.start[same]] + 1

    def part(self, chosen: np.ndarray) -> _Spans:
        """Those where `chosen` is true."""
        return _Spans(self.column[chosen], self.start[chosen], self.stop[chosen])

    def ends(self, edges: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """`left` and `right` of masks that begin at all `edges` but the last."""
        first, behind = (place := np.searchsorted(self.column, edges))[:-1].copy(), place[1:]
        some = first < behind
        first[some] += self.stop[first[some]] == self.start[first[some]]
        some = first < behind
        left, right = np.full(some.size, width), np.zeros(some.size, np.int64)
        left[some] = self.column[first[some]] - edges[:-1][some]
        right[some] = self.column[behind[some] - 1] - edges[:-1][some] + 1
        return left, right


def _places(positions: np.ndarray) -> np.ndarray:
    """How many of the ascending positions stand right before each: 0, 1, … in every row."""
    begin = np.flatnonzero(np.diff(positions, prepend=-1) != 1)
    return np.arange(positions.size) - np.repeat(begin, np.diff(begin, append=positions.size))


def _dense(layers: Sequence[_Spans], number: int, width: int) -> MaskColumns:
    edges = np.arange(number + 1, dtype=np.int32) * np.int32(width)
    start, stop = np.zeros((2, len(layers), number * width + 1), np.int16)  # one for the last empty
    for layer, spans in enumerate(layers):
        start[layer, spans.column], stop[layer, spans.column] = spans.start, spans.stop
    left, right = np.stack([spans.ends(edges, width) for spans in layers], axis=1)
    shape = len(layers), number, width
    return MaskColumns(start[:, :-1].reshape(shape), stop[:, :-1].reshape(shape), left, right)
