"""How much tracks overlap with the objects of their video and category: the costly part."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from ovis_jax.evaluation.groups import average_area
from ovis_jax.evaluation.iou import track_iou
from ovis_jax.formats.annotations import Annotations, Category
from ovis_jax.formats.results import TrackResult
from ovis_jax.formats.segmentations import Segmentations

MAX_TRACKS = 100
"""Tracks of one video and category that count; the rest, with lower scores, is left out."""

Key = tuple[int, int]
"""Category id and video id."""

ALL_CATEGORIES = Category(-1, "all categories")
"""Stands for every category where categories are not told apart; the id is pycocotools'."""


@dataclasses.dataclass(frozen=True)
class Overlaps:
    """D tracks of one video and category and its G objects; by descending score.

    Attributes:
      entries: [D] int64, positions of the tracks in the results.
      scores: [D] float64, descending.
      categories: [D] int64, ids that the tracks were given.
      areas: [D] float64, average areas in pixels.
      iou: [D, G] float64, objects in the order of the file.
    """

    entries: np.ndarray
    scores: np.ndarray
    categories: np.ndarray
    areas: np.ndarray
    iou: np.ndarray


def pooled_categories(annotations: Annotations) -> Annotations:
    """The same objects as if all were of `ALL_CATEGORIES`.

    They are sorted by the category that they were of, since the official evaluator pools them so,
    and their order decides between objects of equal overlap.
    """
    instances = sorted(annotations.instances, key=lambda instance: instance.category_id)
    return dataclasses.replace(
        annotations,
        categories=(ALL_CATEGORIES,),
        instances=tuple(
            dataclasses.replace(instance, category_id=ALL_CATEGORIES.id) for instance in instances
        ),
    )


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
    class_agnostic: bool = False,
    progress: bool = False,
) -> dict[Key, Overlaps]:
    """Overlaps of the surest tracks of every video and category.

    Args:
      truth: masks of the objects.
      tracks: in the order of the file, which decides between equal scores.
      class_agnostic: `truth` is of `pooled_categories`, and so are the tracks; between equal scores
        the lower category id comes first.
      progress: show a progress bar if stderr is a terminal.
    """
    entries = defaultdict(list)
    for entry, track in enumerate(tracks):
        category = ALL_CATEGORIES.id if class_agnostic else track.category_id
        entries[category, track.video_id].append(entry)
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
    categories = np.array([tracks[entry].category_id for entry in entries], np.int64)
    order = _surest(scores, categories)
    entries = np.array(entries)[order]
    masks = [tracks[entry].segmentations for entry in entries]
    areas = np.array([average_area(own.areas()) for own in masks])
    iou = track_iou(masks, truth) if truth else np.zeros((len(masks), 0))
    return Overlaps(entries, scores[order], categories[order], areas, iou)


def _surest(scores: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Indices by descending score, then ascending category id, then as they are."""
    return np.lexsort((categories, -scores))[:MAX_TRACKS]


def _join(parts: Sequence[Overlaps]) -> Overlaps:
    whole = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(Overlaps)
    }
    order = _surest(whole["scores"], whole["categories"])
    return Overlaps(**{name: array[order] for name, array in whole.items()})
