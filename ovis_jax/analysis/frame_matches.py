"""Which predicted masks show which objects in each frame."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.analysis.scenes import Scene


@dataclasses.dataclass(frozen=True)
class FrameMatches:
    """Masks of P tracks that stand for G objects in T frames.

    Attributes:
      shown: [T, G, P] bool; at most one track for an object, unless ties are kept.
      iou: [T, G] float64, overlap with it; 0 where nothing overlaps.
    """

    shown: np.ndarray
    iou: np.ndarray


def closest_masks(iou: np.ndarray) -> FrameMatches:
    """The mask with the highest IoU for each object; of equal ones the surest track's.

    One mask may be the closest one of several objects.

    Args:
      iou: [T, G, P], tracks by descending score.
    """
    best = iou.max(axis=2, initial=0)
    shown = np.zeros(iou.shape, bool)
    frames, objects = np.nonzero(best)
    if frames.size:
        shown[frames, objects, iou[frames, objects].argmax(axis=1)] = True
    return FrameMatches(shown, best)


def all_closest_masks(iou: np.ndarray) -> FrameMatches:
    """As `closest_masks`, but all masks with the highest IoU are kept."""
    best = iou.max(axis=2, initial=0)
    return FrameMatches((iou == best[..., None]) & (iou > 0), best)


def masks_one_to_one(iou: np.ndarray) -> FrameMatches:
    """Each mask for one object at most: in each frame the pair with the highest IoU comes first.

    Between equals the surest track comes first, then the first object.
    """
    frames, objects, tracks = np.nonzero(iou)
    values = iou[frames, objects, tracks]
    order = np.lexsort((objects, tracks, -values))
    shown, best = np.zeros(iou.shape, bool), np.zeros(iou.shape[:2])
    taken_objects, taken_tracks = set(), set()
    for frame, g, p, value in zip(
        *(own[order].tolist() for own in (frames, objects, tracks, values)), strict=True
    ):
        if (frame, g) not in taken_objects and (frame, p) not in taken_tracks:
            taken_objects.add((frame, g))
            taken_tracks.add((frame, p))
            shown[frame, g, p], best[frame, g] = True, value
    return FrameMatches(shown, best)


def surest_tracks(scene: Scene, min_score: float) -> np.ndarray:
    """[T, G, P] IoU of a scene, 0 for tracks with a lower score."""
    return np.where(scene.scores >= min_score, scene.iou, 0)
