"""Which tracks of a video are right and wrong, under all conditions, as the evaluator judges."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.analysis.scenes import Scene
from ovis_jax.evaluation.groups import OCCLUSION_RANGES, within_occlusion
from ovis_jax.evaluation.matching import IOU_THRESHOLDS, match_in_turn
from ovis_jax.evaluation.overlaps import MAX_TRACKS

LEVELS = tuple(OCCLUSION_RANGES)
"""Groups of objects: all, SO, MO, HO."""

LEFT_OUT, RIGHT, WRONG = range(3)


@dataclasses.dataclass(frozen=True)
class Verdicts:
    """What counts of a video, for L groups of objects and H IoU thresholds.

    Attributes:
      scores: [P] float64, descending.
      categories: [P] or [L, H, P] int64, id of the category that a track counts in.
      states: [L, H, P] int8, LEFT_OUT, RIGHT or WRONG.
      object_categories: [G] int64, ids.
      wanted: [L, H, G] bool, objects to be found.
    """

    scores: np.ndarray
    categories: np.ndarray
    states: np.ndarray
    object_categories: np.ndarray
    wanted: np.ndarray


@dataclasses.dataclass(frozen=True)
class Judged:
    """Matches of a video.

    Attributes:
      truth: [L, H, P] int, index of the object that a track is matched to, -1 for none, G or more
        for a crowd.
      counted: [P] bool, tracks that are looked at: the surest of each category.
      wanted: [L, G] bool.
    """

    truth: np.ndarray
    counted: np.ndarray
    wanted: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """[L, H, P] bool: the track is matched to nothing."""
        return (self.truth < 0) & self.counted

    @property
    def found(self) -> np.ndarray:
        """[L, H, G] bool: a track is matched to the object."""
        found = np.zeros((*self.truth.shape[:2], self.wanted.shape[1] + 1), bool)
        levels, thresholds, tracks = np.nonzero(self.truth >= 0)
        matched = np.minimum(self.truth[levels, thresholds, tracks], found.shape[2] - 1)
        found[levels, thresholds, matched] = True
        return found[..., :-1]  # the last one stands for crowds


def judge(scene: Scene) -> Judged:
    """Matches the tracks of a video, category by category."""
    num_objects = len(scene.objects)
    wanted = within_occlusion(scene.occlusion)
    truth = np.full((len(LEVELS), len(IOU_THRESHOLDS), len(scene.tracks)), -1)
    counted = np.zeros(len(scene.tracks), bool)
    iou = np.concatenate([scene.tube_iou, scene.crowd_iou])
    places = _places(scene)
    categories = np.array([own.category_id for own in scene.instances], np.int64)
    for category in np.unique(scene.track_categories):
        tracks = np.flatnonzero(scene.track_categories == category)[:MAX_TRACKS]
        counted[tracks] = True
        rows = places[categories == category]
        if not rows.size:
            continue
        crowd = rows >= num_objects
        ignored = np.ones((len(LEVELS), len(rows)), bool)
        ignored[:, ~crowd] = ~wanted[:, rows[~crowd]]
        own = match_in_turn(iou[np.ix_(rows, tracks)].T, crowd, ignored)
        truth[..., tracks] = np.where(own >= 0, rows[own], -1)
    return Judged(truth, counted, wanted)


def verdicts(scene: Scene, judged: Judged) -> Verdicts:
    """What the matches mean."""
    padded = np.pad(judged.wanted, ((0, 0), (0, len(scene.crowds) + 1)))  # also read at -1
    levels = np.arange(len(LEVELS))[:, None, None]
    matched = np.where(padded[levels, judged.truth], RIGHT, LEFT_OUT)
    states = np.where(judged.truth >= 0, matched, np.where(judged.counted, WRONG, LEFT_OUT))
    shape = (len(LEVELS), len(IOU_THRESHOLDS), len(scene.objects))
    return Verdicts(
        scores=scene.scores,
        categories=scene.track_categories,
        states=states.astype(np.int8),
        object_categories=scene.object_categories,
        wanted=np.broadcast_to(judged.wanted[:, None], shape),
    )


def _places(scene: Scene) -> np.ndarray:
    """For each instance in the order of the file its row: objects first, then crowds."""
    is_crowd = np.array([own.iscrowd for own in scene.instances], bool)
    places = np.empty(len(is_crowd), int)
    places[~is_crowd] = np.arange(len(scene.objects))
    places[is_crowd] = len(scene.objects) + np.arange(len(scene.crowds))
    return places
