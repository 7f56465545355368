"""Which frames of a video make up a training clip."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.data.clips import ClipShape

REFERENCES, RUN, REFERENCE_RUN = "references", "run", "reference_run"
OTHERS = (REFERENCES, RUN, REFERENCE_RUN)


@dataclasses.dataclass(frozen=True)
class ClipFrames:
    """How the frames of a clip are chosen; the first is the query frame, unless `in_order`.

    Attributes:
      num_frames: T.
      mask_frames: Q, frames whose masks are loaded, from the first on.
      others: the frames after the first. "references": each is drawn among the annotated frames
        near the query frame. "run": they follow the query frame. "reference_run": the first of
        them is drawn as a reference, the rest follow it.
      stride: frames from one frame of a run to the next; a fraction is rounded frame by frame.
      window: greatest distance of a drawn frame from the query frame; None: any.
      in_order: the chosen frames then stand in the order of time, wherever the query frame is.
      allow_same: the query frame may be drawn as its own reference, as likely as every other.
    """

    num_frames: int = 2
    mask_frames: int = 1
    others: str = REFERENCES
    stride: float = 1.0
    window: int | None = None
    in_order: bool = False
    allow_same: bool = False

    def shape(self, capacity: int) -> ClipShape:
        """Shape of a clip with room for so many objects."""
        return ClipShape(self.num_frames, self.mask_frames, capacity)

    def draw(
        self, rng: np.random.Generator, annotated: np.ndarray, query: int, length: int
    ) -> tuple[int, ...]:
        """Chooses the frames of one clip.

        Args:
          rng: draws references.
          annotated: [F] int, annotated frames of the video; the frames of a run may be others.
          query: the query frame, one of them.
          length: of the video.
        """
        frames = self._choose(rng, annotated, query, length)
        return tuple(sorted(frames)) if self.in_order else frames

    def _choose(
        self, rng: np.random.Generator, annotated: np.ndarray, query: int, length: int
    ) -> tuple[int, ...]:
        """The frames of one clip, the query frame first."""
        others = self.num_frames - 1
        if self.others == RUN:
            return run_of_frames(query, self.num_frames, self.stride, length)
        candidates = reference_candidates(annotated, query, self.window, self.allow_same)
        if self.others == REFERENCES or not others:
            return (query, *draw_references(rng, candidates, others))
        (first,) = draw_references(rng, candidates, 1)
        return (query, *run_of_frames(first, others, self.stride, length))


def run_of_frames(first: int, count: int, stride: float, length: int) -> tuple[int, ...]:
    """Frames that follow each other, in the order of time.

    Where the video ends too early, they go back in time instead; where it is too short for both,
    they go where there is more room and stay at its end.

    Args:
      first: frame of the video.
      count: frames of the run.
      stride: from one to the next; `first + stride * i` is rounded.
      length: of the video.
    """
    steps = np.floor(np.arange(count) * stride + 0.5).astype(int)
    before, after = first, length - 1 - first
    back = steps[-1] > after and (steps[-1] <= before or before > after)
    frames = first - steps if back else first + steps
    return tuple(np.clip(frames, 0, length - 1).tolist())


def reference_candidates(
    frames: np.ndarray, query: int, window: int | None, allow_same: bool = False
) -> np.ndarray:
    """Frames that may be the reference of a query frame.

    Args:
      frames: [F] int, annotated frames of the video.
      query: the query frame, one of them.
      window: greatest distance in frames; None: any.
      allow_same: the query frame is one of them.

    Returns:
      Other annotated frames within the window; without any, all other annotated frames; without
      any, the query frame itself (the published code stops with an assertion there).
    """
    others = frames if allow_same else frames[frames != query]
    near = others if window is None else others[np.abs(others - query) <= window]
    for candidates in (near, others):
        if len(candidates):
            return candidates
    return np.array([query])


def draw_references(rng: np.random.Generator, candidates: np.ndarray, count: int) -> list[int]:
    """Draws among `reference_candidates` uniformly, none again before all were drawn."""
    drawn, left = [], candidates
    for _ in range(count):
        index = rng.integers(len(left))
        drawn.append(int(left[index]))
        left = np.delete(left, index) if len(left) > 1 else candidates
    return drawn
