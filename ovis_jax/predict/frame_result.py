"""The objects of one frame, as `Predictor.track` yields them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotation_records import Category


@dataclasses.dataclass(frozen=True)
class FrameResult:
    """The D objects of one frame.

    Attributes:
      frame: its number, from 0.
      image: [h, w, 3] uint8 RGB, the frame as it was given.
      ids: [D] int32, which object of the video each is; one that was handed out never changes.
      scores: [D] float32, what the system says of this frame alone: a track's score is known when
        the video is over.
      labels: [D] int32, numbers in `categories`; also of this frame alone.
      boxes: [D, 4] float32, (x1, y1, x2, y2) in pixels of the frame.
      rles: D run-length masks of the frame, `{"size": [h, w], "counts": str}`.
      categories: of the model.
      class_scores: [D, K] float32 of a system whose track rule reads them, or None.
      overflow: objects that a capacity was too small for.
    """

    frame: int
    image: np.ndarray
    ids: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    rles: Sequence[dict]
    categories: Sequence[Category]
    class_scores: np.ndarray | None = None
    overflow: int = 0

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.ids)

    @property
    def names(self) -> list[str]:
        """Name of the category of each object."""
        return [self.categories[label].name for label in self.labels]

    def masks(self) -> np.ndarray:
        """[D, h, w] bool, made anew by every call."""
        empty = np.zeros((0, *self.image.shape[:2]), bool)
        return np.array([rle.decode(own) for own in self.rles], bool) if self.rles else empty
