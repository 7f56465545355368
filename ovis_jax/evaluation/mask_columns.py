"""Masks as spans in the columns of a frame, so that intersections are minima and maxima.

Run lengths go down the columns. A column of a mask mostly has one span of ones, so a mask is little
more than one *cell* for each of its columns, from the first to the last with a pixel. A second span
in a column goes to a second *layer*, with cells of its own, and so on.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from ovis_jax.formats.run_pairs import RunPairs, read_pairs

MAX_PIXELS = 1 << 31
"""Of the frames of all masks that are read together."""

_MAX_LAYERS = 8  # with more, merging runs is quicker than comparing every layer with every
_MAX_HEIGHT = (1 << 15) - 1
_CELLS = 1 << 17  # compared at once
_START = np.int32(0xFFFF)


@dataclasses.dataclass(frozen=True)
class MaskColumns:
    """N masks in L layers.

    Attributes:
      cells: [cells] int32, first row of a span + 2**16 * row behind the last one; 0 without one.
      offset: [L, N] int64, number of a column's cell, less the column.
      left: [L, N] int64, first column that has a cell.
      right: [L, N] int64, column behind the last one that has a cell; not above `left` without any.
    """

    cells: np.ndarray
    offset: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def shared_pixels(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        """[P] int64, pixels that are in both masks of each of P pairs.

        Args:
          ones: [P] int, numbers of the first masks; likewise `others`.
          others: see `ones`.
        """
        shared = np.zeros(ones.size, np.int64)
        for one, other in itertools.product(range(len(self.left)), repeat=2):
            left = np.maximum(self.left[one, ones], self.left[other, others])
            widths = np.minimum(self.right[one, ones], self.right[other, others]) - left
            for pairs in _portions(widths):
                first = left[pairs]
                at = [
                    self.offset[layer, masks[pairs]] + first
                    for layer, masks in ((one, ones), (other, others))
                ]
                shared[pairs] += self._shared_in_rows(*at, widths[pairs])
        return shared

    def _shared_in_rows(
        self, ones: np.ndarray, others: np.ndarray, widths: np.ndarray
    ) -> np.ndarray:
        """[P] int32, pixels that two rows of cells share, which begin at `ones` and `others`."""
        begin = np.cumsum(widths) - widths
        step = np.arange(widths.sum())
        one = self.cells.take(np.repeat(ones - begin, widths) + step)
        other = self.cells.take(np.repeat(others - begin, widths) + step)
        common = np.minimum(one, other)
        common >>= 16  # a span that stops earlier has the smaller cell
        one &= _START
        other &= _START
        common -= np.maximum(one, other, out=one)
        return np.add.reduceat(np.maximum(common, 0, out=common), begin)


def mask_columns(counts: Sequence[str], height: int, width: int) -> MaskColumns | None:
    """Reads at least one compressed mask; all have been checked.

    Returns:
      None if merging runs is better: there are too many spans in a column, or too many pixels.
    """
    if height > _MAX_HEIGHT or len(counts) * height * width >= MAX_PIXELS:
        return None
    spans = _Spans.of(read_pairs(counts), height)
    again = spans.again()
    if not again.size:
        return MaskColumns(*spans.cells(width, 0))
    layer = np.zeros(spans.column.size, np.int8)
    layer[again] = np.minimum(_places(again) + 1, _MAX_LAYERS)
    if layer.max() == _MAX_LAYERS:
        return None
    found, number = [], 0
    for chosen in range(layer.max() + 1):
        found.append(spans.part(np.flatnonzero(layer == chosen)).cells(width, number))
        number += found[-1][0].size
    return MaskColumns(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


@dataclasses.dataclass(frozen=True)
class _Spans:
    """Spans of ones, ascending.

    Attributes:
      column: [spans] int32, counted through all masks.
      start: [spans] int32, first row.
      stop: [spans] int32, row behind the last one; `start` in an empty span, which only the last of
        a mask may be.
      edges: [N + 1] int64, the first span of each mask, and the number of spans.
    """

    column: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    edges: np.ndarray

    @classmethod
    def of(cls, found: RunPairs, height: int) -> _Spans:
        zeros, ones = found.runs[::2], found.runs[1::2]
        begin = np.cumsum(zeros + ones, dtype=np.int32)
        begin -= ones
        column = begin // np.int32(height)
        start = begin - column * np.int32(height)
        spans = cls(column, start, start + ones, np.append(found.firsts, ones.size))
        return spans if spans.stop.max() <= height else spans._split(height)

    def _split(self, height: int) -> _Spans:
        """Parts those that go on in the next column; leaves out empty ones."""
        times = np.where(self.stop > self.start, (self.stop + (height - 1)) // height, 0)
        column, start, stop = (np.repeat(a, times) for a in (self.column, self.start, self.stop))
        step = np.arange(column.size, dtype=np.int32)
        step -= np.repeat(np.cumsum(times, dtype=np.int32) - times, times)
        start[step > 0] = 0
        edges = np.append(0, np.cumsum(times))[self.edges]
        return _Spans(column + step, start, np.minimum(stop - step * height, height), edges)

    def again(self) -> np.ndarray:
        """Those that have another one before them in their column."""
        same = np.flatnonzero(self.column[1:] == self.column[:-1])
        return same[self.stop[same] > self.start[same]] + 1

    def part(self, chosen: np.ndarray) -> _Spans:
        """Some spans, given by ascending numbers."""
        arrays = (array[chosen] for array in (self.column, self.start, self.stop))
        return _Spans(*arrays, np.searchsorted(chosen, self.edges))

    def cells(self, width: int, number: int) -> tuple[np.ndarray, ...]:
        """The fields of `MaskColumns` for one layer, whose cells are counted from `number` on."""
        number_of, last = self.edges[1:] - self.edges[:-1], self.edges[1:] - 1
        empty = (number_of > 0) & (self.stop[last] == self.start[last])
        some = np.flatnonzero(number_of - empty)
        before = np.arange(last.size) * width
        left, right = np.zeros((2, last.size), np.int64)
        left[some] = self.column[self.edges[some]] - before[some]
        right[some] = self.column[(last - empty)[some]] + 1 - before[some]
        widths = right - left
        offset = np.cumsum(widths) - widths - left
        place = self.column + np.repeat((offset - before).astype(np.int32), number_of)
        place[last[empty]] = widths.sum()
        cells = np.zeros(widths.sum() + 1, np.int32)  # one more for the empty ones
        cells[place] = self.start | self.stop << 16
        return cells, (offset + number)[None], left[None], right[None]


def _places(positions: np.ndarray) -> np.ndarray:
    """How many of the ascending positions stand right before each: 0, 1, … in every row."""
    begin = np.append(0, np.flatnonzero(positions[1:] - positions[:-1] != 1) + 1)
    return np.arange(positions.size) - np.repeat(
        begin, np.append(begin[1:], positions.size) - begin
    )


def _portions(widths: np.ndarray) -> Iterator[np.ndarray]:
    """Numbers of those above 0, as many at a time as have `_CELLS` together."""
    some = np.flatnonzero(widths > 0)
    if some.size:
        portion = np.cumsum(widths[some]) // _CELLS
        edges = [0, *(np.flatnonzero(portion[1:] - portion[:-1]) + 1).tolist(), some.size]
        yield from (some[first:end] for first, end in itertools.pairwise(edges))
