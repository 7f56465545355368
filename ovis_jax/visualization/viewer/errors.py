"""What is wrong with the tracks of a video, frame by frame."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ovis_jax.analysis.frame_matching import match_frames
from ovis_jax.analysis.scenes import Scene, make_scene
from ovis_jax.formats import rle
from ovis_jax.formats.annotation_records import Instance, Video
from ovis_jax.formats.results import TrackResult
from ovis_jax.formats.segmentations import Segmentations

MISSED, SWITCH, CLASS = KINDS = ("missed", "switch", "class")


@dataclasses.dataclass(frozen=True)
class ShownError:
    """Something that is wrong with an object in consecutive frames.

    Attributes:
      kind: one of KINDS.
      first: frame; likewise `last`.
      last: see `first`.
      object: place of the object among the annotated ones of the video, crowds counted.
      text: what is wrong.
    """

    kind: str
    first: int
    last: int
    object: int
    text: str


def find_errors(
    video: Video,
    instances: Sequence[Instance],
    records: Sequence[dict],
    names: Mapping[int, str],
) -> list[ShownError]:
    """Errors of one system in one video, in the order of their frames.

    Tracks of any category are matched to objects in each frame at an IoU of 0.5, as CLEAR MOT does
    (`analysis/frame_matching.py`). An object is missed where it is visible and matched to nothing;
    a switch is a frame in which it is matched to another track than the last time; the class is
    wrong where the track is of another category. Crowds are no objects.

    Args:
      video: the video.
      instances: all that are annotated in it.
      records: entries of results.json that are shown.
      names: of the categories, by id.
    """
    ordered = sorted(records, key=lambda record: -record["score"])
    tracks = [track_result(record, video) for record in ordered]
    scene = make_scene(video, instances, tracks, np.arange(len(tracks)))
    matched = match_frames(scene.iou, scene.has_object, scene.has_track)
    places = [place for place, own in enumerate(instances) if not own.iscrowd]
    found = []
    for number, place in enumerate(places):
        label = f"{names[instances[place].category_id]} (id {instances[place].id})"
        for kind, first, last, text in _of_object(scene, matched[:, number], number, names):
            found.append(ShownError(kind, first, last, place, f"{label} {text}"))
    return sorted(found, key=lambda error: (error.first, error.object, error.kind))


def track_result(record: dict, video: Video) -> TrackResult:
    """An entry of results.json, whose masks are compressed, as it is when it is read."""
    masks = record["segmentations"]
    areas = np.zeros(len(masks), np.int64)
    there = [frame for frame, mask in enumerate(masks) if mask is not None]
    areas[there] = rle.area([masks[frame] for frame in there])
    entries = [None if mask is None else mask["counts"] for mask in masks]
    segmentations = Segmentations((video.height, video.width), entries, areas)
    return TrackResult(record["video_id"], record["category_id"], record["score"], segmentations)


def _of_object(
    scene: Scene, matched: np.ndarray, number: int, names: Mapping[int, str]
) -> Iterator[tuple[str, int, int, str]]:
    """Kind, first and last frame, and text; `matched` [T] are tracks or -1."""
    visible = scene.has_object[:, number] & scene.video.is_annotated()
    for first, last in _spans(visible & (matched < 0)):
        yield MISSED, first, last, "is missed"
    own = scene.object_categories[number]
    for track in np.unique(matched[matched >= 0]).tolist():
        category = int(scene.track_categories[track])
        if category != own:
            for first, last in _spans(matched == track):
                yield CLASS, first, last, f"is taken for {names[category]}"
    before = -1
    for frame in np.flatnonzero(matched >= 0).tolist():
        if before not in (-1, matched[frame]):
            yield SWITCH, frame, frame, "changes its identity"
        before = matched[frame]


def _spans(frames: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last of consecutive frames that are True."""
    for wanted, group in itertools.groupby(range(len(frames)), key=lambda frame: frames[frame]):
        if wanted:
            own = list(group)
            yield own[0], own[-1]
