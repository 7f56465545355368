"""The spans of ones in the columns of many masks, as their run lengths have them."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.formats.run_pairs import RunPairs


@dataclasses.dataclass(frozen=True)
class Spans:
    """Spans of N masks, ascending.

    Attributes:
      column: [spans] int32, counted through all masks.
      start: [spans] int32, first row.
      stop: [spans] int32, row behind the last one.
      edges: [N + 1] int64, the first span of each mask, and the number of spans.
      closed: behind the spans of each mask there is an empty one, which belongs to no mask.
    """

    column: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    edges: np.ndarray
    closed: bool

    @classmethod
    def of(cls, found: RunPairs, height: int) -> Spans:
        """Cuts the runs of masks of this height at the ends of columns.

        Args:
          found: less than 2**31 pixels in all, and no runs of no ones but the last of each mask.
          height: of the frames.
        """
        begin = np.cumsum(found.zeros + found.ones, dtype=np.int32)
        begin -= found.ones
        column = begin // np.int32(height)
        start = begin - column * np.int32(height)
        edges = np.append(found.firsts, begin.size)
        spans = cls(column, start, start + found.ones, edges, closed=True)
        return spans if spans.stop.max() <= height else spans._split(height)

    def _split(self, height: int) -> Spans:
        """Parts those that go on in the next column."""
        times = np.maximum((self.stop + (height - 1)) // height, 1)
        column, start, stop = (np.repeat(a, times) for a in (self.column, self.start, self.stop))
        step = np.arange(column.size, dtype=np.int32)
        step -= np.repeat(np.cumsum(times, dtype=np.int32) - times, times)
        start[step > 0] = 0
        edges = np.append(0, np.cumsum(times))[self.edges]
        stop = np.minimum(stop - step * height, height)
        return Spans(column + step, start, stop, edges, self.closed)

    @property
    def numbers(self) -> np.ndarray:
        """[N] int64, spans of each mask."""
        return self.edges[1:] - self.edges[:-1] - self.closed

    def ends(self, width: int) -> np.ndarray:
        """[2, N] int64, first column of each mask and the one behind its last; 0 without a span.

        Args:
          width: of the frames.
        """
        ends = np.zeros((2, self.edges.size - 1), np.int64)
        some = np.flatnonzero(self.numbers)
        ends[0, some] = self.column[self.edges[some]]
        ends[1, some] = self.column[self.edges[some] + self.numbers[some] - 1] + 1
        ends[:, some] -= some * width
        return ends

    def again(self) -> np.ndarray:
        """Those that have another one before them in their column."""
        same = np.flatnonzero(self.column[1:] == self.column[:-1])
        return same[self.stop[same] > self.start[same]] + 1

    def owners(self, spans: np.ndarray) -> np.ndarray:
        """The masks of some spans."""
        return np.searchsorted(self.edges, spans, side="right") - 1

    def of_masks(self, masks: np.ndarray) -> Spans:
        """The spans of some of the N masks, [N] bool, without the empty ones."""
        chosen = np.repeat(masks, self.edges[1:] - self.edges[:-1])
        if self.closed:
            chosen[self.edges[1:] - 1] = False
        return self.part(chosen)

    def part(self, chosen: np.ndarray) -> Spans:
        """Those where `chosen`, [spans] bool, is true; none of them is an empty one."""
        places = np.flatnonzero(chosen)
        arrays = (array[places] for array in (self.column, self.start, self.stop))
        return Spans(*arrays, np.searchsorted(places, self.edges), closed=False)

    def cells(self) -> np.ndarray:
        """[spans] int32, see `MaskColumns`."""
        return self.start | self.stop << 16
