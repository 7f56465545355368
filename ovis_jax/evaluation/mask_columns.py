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

from ovis_jax.evaluation.mask_spans import Spans
from ovis_jax.formats.run_pairs import read_pairs

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
        one, other = (self._joined(begin, begin + widths) for begin in (ones, others))
        common = np.minimum(one, other)
        common >>= 16  # a span that stops earlier has the smaller cell
        common -= np.maximum(one & _START, other & _START)
        return np.add.reduceat(np.maximum(common, 0, out=common), np.cumsum(widths) - widths)

    def _joined(self, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Rows of cells one behind the other; slices of bytes are quicker than indices."""
        cells, rows = memoryview(self.cells), zip(begin.tolist(), end.tolist(), strict=True)
        return np.frombuffer(b"".join([cells[first:last] for first, last in rows]), np.int32)


def mask_columns(counts: Sequence[str], height: int, width: int) -> MaskColumns | None:
    """Reads at least one compressed mask; all have been checked.

    Returns:
      None if merging runs is better: there are too many spans in a column, or too many pixels.
    """
    if height > _MAX_HEIGHT or len(counts) * height * width >= MAX_PIXELS:
        return None
    spans = Spans.of(read_pairs(counts), height)
    left, right = spans.ends(width)
    whole = right - left == spans.numbers
    whole[spans.owners(spans.again())] = False
    offset = spans.edges[:-1] - left
    if whole.all():
        return MaskColumns(spans.cells(), offset[None], left[None], right[None])
    layers = _layers(spans.of_masks(~whole))
    if layers is None:
        return None
    fields = np.zeros((3, len(layers), whole.size), np.int64)
    fields[:, 0] = np.where(whole, [offset, left, right], 0)
    cells = [spans.cells()]
    for layer, own in enumerate(layers):
        some = np.flatnonzero(own.numbers)
        cells.append(_put(own, some, width, fields[:, layer], sum(map(len, cells))))
    return MaskColumns(np.concatenate(cells), *fields)


def _layers(spans: Spans) -> list[Spans] | None:
    """Parts with no more than one span in a column; None if there are too many."""
    again = spans.again()
    layer = np.zeros(spans.column.size, np.int8)
    layer[again] = np.minimum(_places(again) + 1, _MAX_LAYERS)
    if layer.max() == _MAX_LAYERS:
        return None
    return [spans.part(layer == number) for number in range(layer.max() + 1)]


def _put(layer: Spans, some: np.ndarray, width: int, fields: np.ndarray, number: int) -> np.ndarray:
    """Cells of the masks `some` in a layer.

    Args:
      layer: no more than one span in a column.
      some: [S] masks that have spans in it.
      width: of the frame.
      fields: [3, N] `offset`, `left` and `right`; filled in.
      number: of the first cell.
    """
    left, right = layer.ends(width)[:, some]
    widths = right - left
    offset = np.cumsum(widths) - widths - left
    fields[:, some] = offset + number, left, right
    cells = np.zeros(widths.sum(), np.int32)
    shift = (offset - some * width).astype(np.int32)
    cells[layer.column + np.repeat(shift, layer.numbers[some])] = layer.cells()
    return cells


def _places(positions: np.ndarray) -> np.ndarray:
    """How many of the ascending positions stand right before each: 0, 1, … in every row."""
    begin = np.append(0, np.flatnonzero(positions[1:] - positions[:-1] != 1) + 1)
    sizes = np.append(begin[1:], positions.size) - begin
    return np.arange(positions.size) - np.repeat(begin, sizes)


def _portions(widths: np.ndarray) -> Iterator[np.ndarray]:
    """Numbers of those above 0, as many at a time as have `_CELLS` together."""
    some = np.flatnonzero(widths > 0)
    if some.size:
        portion = np.cumsum(widths[some]) // _CELLS
        edges = [0, *(np.flatnonzero(portion[1:] - portion[:-1]) + 1).tolist(), some.size]
        yield from (some[first:end] for first, end in itertools.pairwise(edges))
