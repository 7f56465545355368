"""How much tracks overlap with the objects of their video and category: the costly part."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from ovis_jax.evaluation.groups import average_area
from ovis_jax.evaluation.iou import track_iou
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.results import TrackResult
from ovis_jax.formats.segmentations import Segmentations

MAX_TRACKS = 100
"""Tracks of one video and category that count; the rest, with lower scores, is left out."""

Key = tuple[int, int]
"""Category id and video id."""


@dataclasses.dataclass(frozen=True)
class Overlaps:
    """D tracks of one video and category and its G objects; by descending score.

    Attributes:
      entries: [D] int64, positions of the tracks in the results.
      scores: [D] float64, descending.
      areas: [D] float64, average areas in pixels.
      iou: [D, G] float64, objects in the order of the file.
    """

    entries: np.ndarray
    scores: np.ndarray
    areas: np.ndarray
    iou: np.ndarray


def truth_masks(annotations: Annotations) -> dict[Key, list[Segmentations]]:
    """The masks of all objects."""
    masks = defaultdict(list)
    for instance in annotations.instances:
        masks[instance.category_id, instance.video_id].append(instance.segmentations)
    return dict(masks)


def measure_overlaps(
    truth: Mapping[Key, Sequence[Segmentations]],
    tracks: Sequence[TrackResult],
    *,
    progress: bool = False,
) -> dict[Key, Overlaps]:
    """Overlaps of the surest tracks of every video and category.

    Args:
      truth: masks of the objects.
      tracks: in the order of the file, which decides between equal scores.
      progress: show a progress bar if stderr is a terminal.
    """
    entries = defaultdict(list)
    for entry, track in enumerate(tracks):
        entries[track.category_id, track.video_id].append(entry)
    groups = tqdm(
        entries.items(), "overlaps", unit="group", disable=None if progress else True, leave=False
    )
    return {key: _overlaps(truth.get(key, ()), tracks, own) for key, own in groups}


def join_overlaps(parts: Sequence[tuple[int, Mapping[Key, Overlaps]]]) -> dict[Key, Overlaps]:
    """Overlaps of a results file from those of its parts.

    Args:
      parts: number of tracks and overlaps of each part, in the order of the file.
    """
    found: dict[Key, list[Overlaps]] = defaultdict(list)
    before = 0
    for size, part in parts:
        for key, own in part.items():
            found[key].append(dataclasses.replace(own, entries=own.entries + before))
        before += size
    return {key: own[0] if len(own) == 1 else _join(own) for key, own in found.items()}


def _overlaps(
    truth: Sequence[Segmentations], tracks: Sequence[TrackResult], entries: Sequence[int]
) -> Overlaps:
    scores = np.array([tracks[entry].score for entry in entries], np.float64)
    order = np.argsort(-scores, kind="stable")[:MAX_TRACKS]
    entries = np.array(entries)[order]
    masks = [tracks[entry].segmentations for entry in entries]
    areas = np.array([average_area(own.areas()) for own in masks])
    iou = track_iou(masks, truth) if truth else np.zeros((len(masks), 0))
    return Overlaps(entries, scores[order], areas, iou)


def _join(parts: Sequence[Overlaps]) -> Overlaps:
    whole = [
        np.concatenate([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(Overlaps)
    ]
    order = np.argsort(-whole[1], kind="stable")[:MAX_TRACKS]
    return Overlaps(*(array[order] for array in whole))
