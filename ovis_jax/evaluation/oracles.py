"""Results as they would be if one part of a system made no mistakes."""

from __future__ import annotations

import collections
import dataclasses
import statistics
from collections.abc import Sequence

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotations import Annotations, Instance
from ovis_jax.formats.results import TrackResult
from ovis_jax.formats.segmentations import Segmentations

MIN_IOU = 0.3
"""Overlap in a frame from which on a mask shows an object; hidden objects are often cut short."""


@dataclasses.dataclass
class _Taken:
    """The masks that belong to one object.

    Attributes:
      masks: of each frame, or None.
      sources: the tracks that they come from.
    """

    masks: list[dict | None]
    sources: list[TrackResult]


def with_true_identities(
    annotations: Annotations, tracks: Sequence[TrackResult]
) -> list[TrackResult]:
    """Links the predicted masks of each video by the identities of the ground truth.

    In every frame, each object takes the mask with the highest IoU, from `MIN_IOU` on, among those
    that fit no other object better. Its masks become one track, of the category with the highest
    sum of scores among the tracks that they come from, with the mean of these scores. What is left
    of these tracks is gone; tracks of which no object takes a mask stay as they are. So errors of
    linking are taken away, while missed objects, wrong classes, wrong masks and false positives
    stay.

    Args:
      annotations: with ground truth.
      tracks: predicted, checked by `load_results`.

    Returns:
      Tracks: those of the objects first, then the predicted ones that show no object.
    """
    objects, predicted = collections.defaultdict(list), collections.defaultdict(list)
    for instance in annotations.instances:
        if not instance.iscrowd:
            objects[instance.video_id].append(instance)
    for track in tracks:
        predicted[track.video_id].append(track)
    linked, left = [], []
    for video, own in predicted.items():
        found, rest = _link_video(objects[video], own)
        linked += found
        left += rest
    return linked + left


def _link_video(
    objects: Sequence[Instance], tracks: Sequence[TrackResult]
) -> tuple[list[TrackResult], list[TrackResult]]:
    """Tracks of the objects, and predicted tracks that show none."""
    length = len(tracks[0].segmentations)
    taken = [_Taken([None] * length, []) for _ in objects]
    unused = set(range(len(tracks)))
    for frame in range(length):
        seen = [k for k, o in enumerate(objects) if o.segmentations[frame] is not None]
        shown = [k for k, t in enumerate(tracks) if t.segmentations[frame] is not None]
        truth = [objects[k].segmentations[frame] for k in seen]
        masks = [tracks[k].segmentations[frame] for k in shown]
        for mask, owner in mask_owners(rle.iou(masks, truth)):
            own = taken[seen[owner]]
            own.masks[frame] = masks[mask]
            own.sources.append(tracks[shown[mask]])
            unused.discard(shown[mask])
    return [_linked(own) for own in taken if own.sources], [tracks[k] for k in sorted(unused)]


def mask_owners(iou: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of mask and object from overlaps [masks, objects] of a frame."""
    if not iou.size:
        return []
    best = iou.argmax(axis=1)
    fitting = np.where(best[:, None] == np.arange(iou.shape[1]), iou, 0)
    return [
        (mask, k) for k, mask in enumerate(fitting.argmax(axis=0)) if fitting[mask, k] >= MIN_IOU
    ]


def vote(sources: Sequence[TrackResult]) -> tuple[int, float]:
    """Category and score of an object whose masks come from these tracks, one for each frame."""
    votes = collections.Counter()
    for source in sources:
        votes[source.category_id] += source.score
    return votes.most_common(1)[0][0], statistics.fmean(source.score for source in sources)


def _linked(own: _Taken) -> TrackResult:
    category, score = vote(own.sources)
    return dataclasses.replace(
        own.sources[0],
        category_id=category,
        score=score,
        segmentations=_segmentations(own.sources[0], own.masks),
    )


def _segmentations(track: TrackResult, masks: Sequence[dict | None]) -> Segmentations:
    """Masks of a track's video."""
    areas = np.zeros(len(masks), np.int64)
    shown = [frame for frame, mask in enumerate(masks) if mask is not None]
    areas[shown] = rle.area([masks[frame] for frame in shown])
    counts = [mask and mask["counts"] for mask in masks]
    return Segmentations(track.segmentations.size, counts, areas)
