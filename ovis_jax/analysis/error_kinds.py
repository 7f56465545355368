"""What is wrong with a track that is matched to no object, and with which object it belongs.

The kinds are those of Bolya et al., "TIDE: a general toolbox for identifying object detection
errors" (2020), in definitions of our own for tubes of masks: an error of extent is one in space, in
time, or in both.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.analysis.scenes import Scene
from ovis_jax.evaluation.matching import IOU_THRESHOLDS

BACKGROUND_IOU = 0.1
"""Overlap of tubes below which a track has nothing to do with an object; also of single frames."""

KINDS = (
    "duplicate",
    "classification",
    "spatial",
    "association",
    "spatial_and_association",
    "class_and_extent",
    "background",
)
DUPLICATE, CLASSIFICATION, SPATIAL, ASSOCIATION, BOTH, CLASS_AND_EXTENT, BACKGROUND = range(
    len(KINDS)
)


@dataclasses.dataclass(frozen=True)
class ErrorKinds:
    """What is wrong with each of P tracks, if it is wrong, at each IoU threshold.

    Attributes:
      kinds: [thresholds, P] int8, index in KINDS.
      targets: [thresholds, P] int, the object that the track should show; -1 for duplicates and
        background.
    """

    kinds: np.ndarray
    targets: np.ndarray


def error_kinds(scene: Scene) -> ErrorKinds:
    """Judges all tracks of a video as if none was matched."""
    same = scene.object_categories[:, None] == scene.track_categories
    own, own_iou = _best(np.where(same, scene.tube_iou, 0))
    other, other_iou = _best(np.where(same, 0, scene.tube_iou))
    required = IOU_THRESHOLDS[:, None]
    extent = extent_kinds(*mended_iou(scene, own))
    conditions = np.broadcast_arrays(
        own_iou >= required,
        other_iou >= required,
        own_iou >= BACKGROUND_IOU,
        other_iou >= BACKGROUND_IOU,
    )
    kinds = np.select(conditions, [DUPLICATE, CLASSIFICATION, extent, CLASS_AND_EXTENT], BACKGROUND)
    targets = np.select(conditions, [-1, other, own, other], -1)
    return ErrorKinds(kinds.astype(np.int8), targets)


def mended_iou(scene: Scene, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Overlap of tracks with their objects if one of two things were right.

    A track is *on* its object in the frames where they overlap by `BACKGROUND_IOU`.

    Args:
      scene: a video.
      targets: [P] int, an object for each track; 0 everywhere without objects.

    Returns:
      [P] the IoU with the true masks in the frames where the track is on the object, and [P] the
      one with the true masks, or none where the object is not visible, in all other frames.
    """
    if not scene.objects:
        return np.zeros(len(targets)), np.zeros(len(targets))
    tracks = np.arange(len(targets))
    shared = scene.shared[:, targets, tracks].astype(np.int64)
    truth = scene.object_areas[:, targets]
    union = truth + scene.track_areas - shared
    on = scene.iou[:, targets, tracks] >= BACKGROUND_IOU
    return tuple(
        np.where(mended, truth, shared).sum(axis=0)
        / np.maximum(np.where(mended, truth, union).sum(axis=0), 1)
        for mended in (on, ~on)
    )


def extent_kinds(space: np.ndarray, time: np.ndarray) -> np.ndarray:
    """[thresholds, P] int, which repair would do: of two, the one with the higher IoU.

    Args:
      space: [P] IoU with true masks where the track is on its object.
      time: [P] IoU with true masks everywhere else.
    """
    required = IOU_THRESHOLDS[:, None]
    neither = np.maximum(space, time) < required
    return np.where(neither, BOTH, np.where(time >= space, ASSOCIATION, SPATIAL))


def _best(iou: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[P] index of the object with the highest IoU (0 without any), and that IoU, of [G, P]."""
    if not len(iou):
        return np.zeros(iou.shape[1], int), np.zeros(iou.shape[1])
    return iou.argmax(axis=0), iou.max(axis=0)
