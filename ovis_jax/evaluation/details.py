"""Every track and every object of an evaluation, with what it was matched to at an IoU of 0.5."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ovis_jax.evaluation.evaluator import Matching
from ovis_jax.evaluation.groups import AREA_RANGES, OCCLUSION_RANGES, within_area, within_occlusion
from ovis_jax.evaluation.matching import IOU_THRESHOLDS, Matches
from ovis_jax.evaluation.objects import Objects
from ovis_jax.evaluation.overlaps import Overlaps
from ovis_jax.formats.result_heads import NO_CATEGORY


def match_details(matching: Matching) -> dict:
    """The matches at the lowest threshold among objects of all sizes and occlusions, for JSON.

    Returns:
      `iou_threshold`; `tracks`, of those that count (the surest 100 of each video and category, or
      of each video where categories are not looked at; category ids stay those of the files):
      `track` (position in the results), `video_id`, `category_id`, `score`, `ground_truth_id`
      and `iou` of the match or null, `best_ground_truth_id` and `best_iou` of the object of its
      category that it overlaps most with or null; and `objects`: `id`, `video_id`, `category_id`,
      `iscrowd`, `average_area`, `area_groups`, `occlusion_score` (null without labels),
      `occlusion_groups`, `track` and `iou` of the match or null.
    """
    tracks, objects = [], []
    annotated = {own.id: own.category_id for own in matching.annotations.instances}
    for category, own in matching.objects.items():
        matches = matching.matches[category]
        flat = _flat_overlaps(matching, category, matches, own)
        tracks += _tracks(matches, own, flat)
        objects += _objects(annotated, matches, own, flat)
    return {"iou_threshold": float(IOU_THRESHOLDS[0]), "tracks": tracks, "objects": objects}


def _flat_overlaps(
    matching: Matching, category: int, matches: Matches, objects: Objects
) -> Overlaps:
    """The N tracks of all videos, in the order of `matches`, with all G objects of the category."""
    videos = np.unique(matches.videos).tolist()
    groups = [matching.overlaps[category, video] for video in videos]
    nothing = np.zeros(0, int)
    joined = {
        field: np.concatenate([nothing, *(getattr(group, field) for group in groups)])
        for field in ("entries", "scores", "categories", "areas")
    }
    iou = np.zeros((len(joined["entries"]), len(objects.instances)))
    start = 0
    for video, group in zip(videos, groups, strict=True):
        size, number = group.iou.shape
        first = objects.first_of(video)
        iou[start : start + size, first : first + number] = group.iou
        start += size
    return Overlaps(**joined, iou=iou)


def _tracks(matches: Matches, objects: Objects, flat: Overlaps) -> list[dict]:
    def identity(index: int) -> int | str | None:
        return None if index < 0 else objects.instances[index].id

    return [
        {
            "track": int(entry),
            "video_id": int(matches.videos[number]),
            "category_id": _category_id(flat.categories[number]),
            "score": float(matches.scores[number]),
            "ground_truth_id": identity(found),
            "iou": float(own[found]) if found >= 0 else None,
            "best_ground_truth_id": identity(int(own.argmax())) if own.any() else None,
            "best_iou": float(own.max()) if own.any() else None,
        }
        for number, (entry, found, own) in enumerate(
            zip(flat.entries, matches.truth[0, 0].tolist(), flat.iou, strict=True)
        )
    ]


def _objects(
    annotated: Mapping[int | str, int], matches: Matches, objects: Objects, flat: Overlaps
) -> list[dict]:
    """Records of objects; `annotated` has their category ids by their ids."""
    tracks = {int(found): number for number, found in enumerate(matches.truth[0, 0][::-1])}
    last = len(flat.entries) - 1  # of several tracks on a crowd, the surest is named
    areas = _names(within_area(objects.areas), list(AREA_RANGES))
    levels = _names(within_occlusion(objects.occlusion), list(OCCLUSION_RANGES))
    records = []
    for number, instance in enumerate(objects.instances):
        track = last - tracks[number] if number in tracks else None
        occlusion = float(objects.occlusion[number])
        records.append(
            {
                "id": instance.id,
                "video_id": instance.video_id,
                "category_id": annotated[instance.id],
                "iscrowd": instance.iscrowd,
                "average_area": float(objects.areas[number]),
                "area_groups": areas[number],
                "occlusion_score": None if np.isnan(occlusion) else occlusion,
                "occlusion_groups": levels[number],
                "track": None if track is None else int(flat.entries[track]),
                "iou": None if track is None else float(flat.iou[track, number]),
            }
        )
    return records


def _category_id(value: int) -> int | None:
    return None if value == NO_CATEGORY else int(value)


def _names(within: np.ndarray, names: list[str]) -> list[list[str]]:
    """For each object the groups that it is in, but for "all"."""
    return [[names[i] for i in np.flatnonzero(own) if i] for own in within.T]
