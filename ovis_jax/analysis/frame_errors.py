"""Errors of classification, segmentation and identity in single frames of objects.

Source: OVIS paper, section 4, equations 3 and 4 and Table 7.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.analysis.frame_matches import (
    FrameMatches,
    all_closest_masks,
    closest_masks,
    masks_one_to_one,
    surest_tracks,
)
from ovis_jax.analysis.scenes import Scene
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS

FOUND, SEEN = 0.5, 0.1
"""An object is found by a mask with an IoU above the first, and seen by one above the second."""

RATES = ("classification", "segmentation", "id_switch")
NUM_LEVELS = len(OCCLUSION_LEVELS) + 1
"""The levels of the annotations, and frames without a label."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """How what the paper leaves open is read; the defaults are the reading of this project.

    Attributes:
      text: says what is different.
      concerns: of RATES, those that it can change; none stands for all.
      one_to_one: a mask stands for one object at most.
      keep_ties: of masks with equal IoU all count, so the most favourable one decides.
      min_score: tracks with lower scores do not count.
      classified_from: IoU above which an object's class is judged.
      tracked_from: IoU above which an object is tracked.
      unseen: objects that no mask sees count, too, as wrongly segmented.
      worst_since: a switch belongs to the highest level since the predecessor, not to its frame's.
    """

    text: str
    concerns: tuple[str, ...] = ()
    one_to_one: bool = False
    keep_ties: bool = False
    min_score: float = -np.inf
    classified_from: float = FOUND
    tracked_from: float = FOUND
    unseen: bool = False
    worst_since: bool = False

    @property
    def matching(self) -> tuple[bool, bool, float]:
        """All that decides which masks stand for the objects."""
        return self.one_to_one, self.keep_ties, self.min_score


def count_errors(scene: Scene, choice: Choice) -> np.ndarray:
    """[rates, levels, 2] int, errors and what they are counted among.

    Levels are those of the annotations, then frames without a label.
    """
    return _count(scene, choice, match_frames(scene, choice))


def count_choices(scene: Scene, choices: Sequence[Choice]) -> np.ndarray:
    """[choices, rates, levels, 2] int, `count_errors` of each; equal matchings are made once."""
    matches = {choice.matching: choice for choice in choices}
    matches = {key: match_frames(scene, choice) for key, choice in matches.items()}
    return np.stack([_count(scene, choice, matches[choice.matching]) for choice in choices])


def _count(scene: Scene, choice: Choice, matches: FrameMatches) -> np.ndarray:
    visible = scene.has_object
    same = scene.object_categories[:, None] == scene.track_categories
    right_class = (matches.shown & same).any(axis=2)
    classified = visible & (matches.iou > choice.classified_from)
    seen = visible & (choice.unseen | (matches.iou > SEEN))
    tracked = visible & (matches.iou > choice.tracked_from)
    before = latest_before(tracked)
    followed = tracked & (before >= 0)
    switched = followed & ~_same_track(matches.shown, before)
    since = _worst_since(scene.levels, before) if choice.worst_since else scene.levels
    return np.stack(
        [
            _by_level(classified & ~right_class, classified, scene.levels),
            _by_level(seen & (matches.iou <= FOUND), seen, scene.levels),
            _by_level(switched, followed, since),
        ]
    )


def match_frames(scene: Scene, choice: Choice) -> FrameMatches:
    """The masks that stand for the objects."""
    iou = surest_tracks(scene, choice.min_score)
    if choice.one_to_one:
        return masks_one_to_one(iou)
    return all_closest_masks(iou) if choice.keep_ties else closest_masks(iou)


def latest_before(tracked: np.ndarray) -> np.ndarray:
    """[T, G] int, the latest earlier frame in which the object was tracked, or -1."""
    frames = np.where(tracked, np.arange(len(tracked))[:, None], -1)
    latest = np.maximum.accumulate(frames, axis=0)
    return np.concatenate([np.full((1, tracked.shape[1]), -1), latest[:-1]])


def _same_track(shown: np.ndarray, before: np.ndarray) -> np.ndarray:
    """[T, G] bool: a track shows the object now and did so in the frame `before`."""
    objects = np.arange(shown.shape[1])
    return (shown & shown[before, objects]).any(axis=2)


def _worst_since(levels: np.ndarray, before: np.ndarray) -> np.ndarray:
    """[T, G] int, the highest level after the frame `before`, up to now."""
    worst = levels.copy()
    frames = np.arange(len(levels))[:, None]
    for frame, g in zip(*np.nonzero((before >= 0) & (before < frames - 1)), strict=True):
        worst[frame, g] = levels[before[frame, g] + 1 : frame + 1, g].max()
    return worst


def _by_level(errors: np.ndarray, counted: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """[levels, 2] int from [T, G]."""
    places = np.where(levels >= 0, levels, NUM_LEVELS - 1)
    return np.stack(
        [np.bincount(places[own], minlength=NUM_LEVELS) for own in (errors, counted)], axis=1
    )
