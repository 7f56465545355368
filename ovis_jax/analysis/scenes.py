"""Videos, one after the other: objects, tracks and how much they overlap in every frame."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from ovis_jax.evaluation.occlusion import occlusion_score
from ovis_jax.formats import rle
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations, Instance, Video
from ovis_jax.formats.results import TrackResult
from ovis_jax.formats.segmentations import Segmentations


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """G objects and P tracks in the T frames of a video.

    Crowds are no objects: they need not be found, and a track on one is not wrong.

    Attributes:
      video: of the annotations.
      instances: all that are annotated, in the order of the file: objects and crowds.
      objects: G, in the order of the file, without crowds.
      tracks: P, by descending score; between equals as in the file.
      entries: [P] int, positions of the tracks in the results.
      object_areas: [T, G] int64, pixels of the masks; 0 where there is none.
      track_areas: [T, P] int64.
      shared: [T, G, P] int32, pixels that a track and an object have in common.
      levels: [T, G] int8, index in `OCCLUSION_LEVELS`, -1 where the object has no label in the
        frame; also says something where there is no mask.
      crowds: C annotated crowds.
      crowd_areas: [T, C] int64.
      crowd_shared: [T, C, P] int32, as `shared`.
    """

    video: Video
    instances: tuple[Instance, ...]
    objects: tuple[Instance, ...]
    tracks: tuple[TrackResult, ...]
    entries: np.ndarray
    object_areas: np.ndarray
    track_areas: np.ndarray
    shared: np.ndarray
    levels: np.ndarray
    crowds: tuple[Instance, ...]
    crowd_areas: np.ndarray
    crowd_shared: np.ndarray

    @functools.cached_property
    def scores(self) -> np.ndarray:
        """[P] float64, descending."""
        return np.array([track.score for track in self.tracks], np.float64)

    @functools.cached_property
    def track_categories(self) -> np.ndarray:
        """[P] int64, category ids."""
        return np.array([track.category_id for track in self.tracks], np.int64)

    @functools.cached_property
    def object_categories(self) -> np.ndarray:
        """[G] int64, category ids."""
        return np.array([instance.category_id for instance in self.objects], np.int64)

    @property
    def has_object(self) -> np.ndarray:
        """[T, G] bool: the object has a pixel in the frame."""
        return self.object_areas > 0

    @property
    def has_track(self) -> np.ndarray:
        """[T, P] bool: the track has a pixel in the frame."""
        return self.track_areas > 0

    @functools.cached_property
    def iou(self) -> np.ndarray:
        """[T, G, P] float64, overlap in each frame; 0 where one of the two has no pixel."""
        union = self.object_areas[:, :, None] + self.track_areas[:, None] - self.shared
        return self.shared / np.maximum(union, 1)

    @functools.cached_property
    def tube_iou(self) -> np.ndarray:
        """[G, P] float64, overlap over all frames, as the evaluator defines it."""
        return tube_iou(self.shared, self.object_areas, self.track_areas)

    @functools.cached_property
    def crowd_iou(self) -> np.ndarray:
        """[C, P] float64, as `tube_iou`."""
        return tube_iou(self.crowd_shared, self.crowd_areas, self.track_areas)

    @functools.cached_property
    def occlusion(self) -> np.ndarray:
        """[G] float64, occlusion score over the video, in [0, 0.75]; NaN without labels."""
        return np.array([occlusion_score(instance.occlusion) for instance in self.objects])


def scenes(
    annotations: Annotations, tracks: Sequence[TrackResult], *, progress: str | None = None
) -> Iterator[Scene]:
    """Every video of the annotations in turn; keep none, they are large.

    Args:
      annotations: with ground truth.
      tracks: of one system, as `load_results` gives them.
      progress: what the progress bar says if stderr is a terminal; None for no bar.
    """
    entries = defaultdict(list)
    for entry, track in enumerate(tracks):
        entries[track.video_id].append(entry)
    shown = tqdm(
        annotations.videos, progress, unit="video", disable=None if progress else True, leave=False
    )
    for video in shown:
        order = sorted(entries[video.id], key=lambda entry: -tracks[entry].score)
        yield make_scene(
            video,
            annotations.instances_of(video.id),
            [tracks[entry] for entry in order],
            np.array(order, np.int64),
        )


def make_scene(
    video: Video,
    instances: Sequence[Instance],
    tracks: Sequence[TrackResult],
    entries: np.ndarray,
) -> Scene:
    """The scene of one video.

    Args:
      video: see `Scene`.
      instances: all that are annotated in it, crowds too.
      tracks: by descending score.
      entries: [P] int, positions of the tracks in the results.
    """
    objects = tuple(instance for instance in instances if not instance.iscrowd)
    crowds = tuple(instance for instance in instances if instance.iscrowd)
    masks = [track.segmentations for track in tracks]
    truth = [instance.segmentations for instance in objects]
    groups = [instance.segmentations for instance in crowds]
    track_areas, object_areas, crowd_areas = (
        _areas(own, video.length) for own in (masks, truth, groups)
    )
    return Scene(
        video=video,
        instances=tuple(instances),
        objects=objects,
        tracks=tuple(tracks),
        entries=entries,
        object_areas=object_areas,
        track_areas=track_areas,
        shared=shared_pixels(truth, object_areas, masks, track_areas),
        levels=_levels(objects, video.length),
        crowds=crowds,
        crowd_areas=crowd_areas,
        crowd_shared=shared_pixels(groups, crowd_areas, masks, track_areas),
    )


def tube_iou(shared: np.ndarray, row_areas: np.ndarray, column_areas: np.ndarray) -> np.ndarray:
    """[R, C] float64, IoU over all frames from `shared` [T, R, C] and areas [T, R] and [T, C]."""
    both = shared.sum(axis=0, dtype=np.int64)
    areas = row_areas.sum(axis=0)[:, None] + column_areas.sum(axis=0)
    return both / np.maximum(areas - both, 1)


def shared_pixels(
    rows: Sequence[Segmentations],
    row_areas: np.ndarray,
    columns: Sequence[Segmentations],
    column_areas: np.ndarray,
) -> np.ndarray:
    """[T, R, C] int32, pixels in common of masks in each frame; areas are [T, R] and [T, C]."""
    shared = np.zeros((len(row_areas), len(rows), len(columns)), np.int32)
    for frame in np.flatnonzero(row_areas.any(axis=1) & column_areas.any(axis=1)):
        first, second = np.flatnonzero(row_areas[frame]), np.flatnonzero(column_areas[frame])
        iou = rle.iou([rows[i][frame] for i in first], [columns[j][frame] for j in second])
        total = row_areas[frame, first][:, None] + column_areas[frame, second]
        shared[frame, first[:, None], second] = np.rint(iou * total / (1 + iou))
    return shared


def _areas(masks: Sequence[Segmentations], length: int) -> np.ndarray:
    """[T, N] int64."""
    return np.stack([np.zeros(length, np.int64), *(own.areas() for own in masks)], axis=1)[:, 1:]


def _levels(objects: Sequence[Instance], length: int) -> np.ndarray:
    """[T, G] int8."""
    number = {level: index for index, level in enumerate(OCCLUSION_LEVELS)}
    levels = np.full((length, len(objects)), -1, np.int8)
    for column, instance in enumerate(objects):
        if instance.occlusion is not None:
            levels[:, column] = [number.get(level, -1) for level in instance.occlusion]
    return levels
