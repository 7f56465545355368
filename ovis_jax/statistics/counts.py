"""What a data set holds: Table 1 and Figures 3 to 5 of the OVIS paper."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ovis_jax.evaluation.groups import OCCLUSION_RANGES, within_occlusion
from ovis_jax.evaluation.occlusion import occlusion_score
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS, Category, Instance, Video
from ovis_jax.formats.annotations import Annotations
from ovis_jax.statistics.box_occlusion import box_occlusion_rates, crossing_pairs

FRAME_RATE = 6.0
"""Annotated frames a second of YouTube-VIS: every fifth of 30. Annotation files hold no rates."""

GROUPS = tuple(name for name in OCCLUSION_RANGES if name != "all")
BOR_EDGES = np.linspace(0, 1, 21)

_SEVERE = OCCLUSION_LEVELS.index("severe_occlusion")
_NONE = OCCLUSION_LEVELS.index("no_occlusion")


@dataclasses.dataclass(frozen=True, eq=False)
class DatasetStatistics:
    """Counts from which all numbers follow: V videos, F annotated frames and I instances in all.

    Without ground truth there are no instances, and what is about them is NaN in `means` and
    None in `as_dict`.

    Attributes:
      name: of the data set.
      frame_rate: frames a second that durations are computed with.
      has_ground_truth: see `Annotations`.
      categories: see `Annotations`.
      videos: see `Annotations`.
      video_instances: [V] int, instances of each video.
      video_occlusion_rates: [V] mean of the box occlusion rates of each video; may be NaN.
      frame_objects: [F] int, instances with a visible mask in each annotated frame, video after
        video.
      box_occlusion_rates: [F] BOR of each of these, NaN without a box; see `box_occlusion_rates`.
      crossings: [P] bool, of all pairs of instances of a video; see `crossing_pairs`.
      labels: [I] int, positions of their categories in `categories`.
      instance_videos: [I] int, positions of their videos in `videos`.
      instance_frames: [I] int, frames in which each has a visible mask.
      level_frames: [I, 3] int, occlusion labels of each, of each of OCCLUSION_LEVELS.
      occlusion_scores: [I], NaN without labels; see `occlusion_score`.
      num_crowds: annotations of crowds, which count nowhere else.
    """

    name: str
    frame_rate: float
    has_ground_truth: bool
    categories: tuple[Category, ...]
    videos: tuple[Video, ...]
    video_instances: np.ndarray
    video_occlusion_rates: np.ndarray
    frame_objects: np.ndarray
    box_occlusion_rates: np.ndarray
    crossings: np.ndarray
    labels: np.ndarray
    instance_videos: np.ndarray
    instance_frames: np.ndarray
    level_frames: np.ndarray
    occlusion_scores: np.ndarray
    num_crowds: int

    @property
    def video_lengths(self) -> np.ndarray:
        """[V] int, frames of each video."""
        return np.array([video.length for video in self.videos], np.int64)

    @property
    def has_occlusion(self) -> bool:
        """Whether there is an occlusion label."""
        return bool(self.level_frames.any())

    def means(self) -> dict[str, float]:
        """The averages of Table 1 and of crossings; NaN where there is nothing to average.

        An instance lasts as long as it is visible, and frames without one count for
        `objects_per_frame`, but not for mBOR.
        """
        averages = {
            "instance_duration": _mean(self.instance_frames) / self.frame_rate,
            "instances_per_video": _mean(self.video_instances),
            "objects_per_frame": _mean(self.frame_objects),
            "mBOR": _mean(self.box_occlusion_rates),
            "crossing_rate": _mean(self.crossings),
        }
        if not self.has_ground_truth:
            averages = dict.fromkeys(averages, math.nan)
        return {"video_duration": _mean(self.video_lengths) / self.frame_rate, **averages}

    def level_shares(self) -> dict[str, float]:
        """Share of each of OCCLUSION_LEVELS among all labels; NaN without labels."""
        counts = self.level_frames.sum(0)
        return dict(zip(OCCLUSION_LEVELS, _shares(counts, counts.sum()), strict=True))

    def instance_shares(self) -> dict[str, float]:
        """Shares of the instances with labels: severely occluded in a frame, occluded in none."""
        labelled = self.level_frames[self.level_frames.any(1)]
        never = (labelled[:, _NONE] == labelled.sum(1)).sum()
        severe = (labelled[:, _SEVERE] > 0).sum()
        shares = _shares(np.array([severe, never]), len(labelled))
        return dict(zip(("severely_occluded_once", "never_occluded"), shares, strict=True))

    def group_counts(self) -> dict[str, int]:
        """Instances in each of GROUPS; one whose score is on a border belongs to two of them."""
        counts = within_occlusion(self.occlusion_scores).sum(1).tolist()
        return {name: n for name, n in zip(OCCLUSION_RANGES, counts, strict=True) if name in GROUPS}

    def category_counts(self) -> list[dict]:
        """Videos, instances and masks of each category."""
        size = len(self.categories)
        pairs = np.unique(np.stack([self.labels, self.instance_videos]), axis=1)
        videos = np.bincount(pairs[0], minlength=size).tolist()
        instances = np.bincount(self.labels, minlength=size).tolist()
        masks = np.bincount(self.labels, weights=self.instance_frames, minlength=size).astype(int)
        return [
            {"id": c.id, "name": c.name, "videos": v, "instances": n, "masks": m}
            for c, v, n, m in zip(self.categories, videos, instances, masks.tolist(), strict=True)
        ]

    def as_dict(self) -> dict:
        """Everything for JSON; None where there is nothing to count. Durations are in seconds."""
        known = self.has_ground_truth
        head = {
            "name": self.name,
            "frame_rate": self.frame_rate,
            "videos": len(self.videos),
            "frames": int(self.video_lengths.sum()),
            "annotated_frames": len(self.frame_objects) if known else None,
            "categories": len(self.categories),
            "categories_with_instances": len(np.unique(self.labels)) if known else None,
            "instances": len(self.labels) if known else None,
            "crowds": self.num_crowds if known else None,
            "masks": int(self.instance_frames.sum()) if known else None,
        }
        shares = self.level_shares() | self.instance_shares()
        head |= {name: _or_none(value) for name, value in (self.means() | shares).items()}
        if not known:
            return head
        return head | {
            "occlusion_groups": self.group_counts() if self.has_occlusion else None,
            "per_category": self.category_counts(),
            "distributions": self._distributions(),
            "per_video": self._per_video(),
        }

    def _distributions(self) -> dict:
        """Of whole numbers how often 0, 1, 2, … occur; of rates how often those between edges."""
        rates = self.box_occlusion_rates[~np.isnan(self.box_occlusion_rates)]
        return {
            "instance_frames": np.bincount(self.instance_frames).tolist(),
            "instances_per_video": np.bincount(self.video_instances).tolist(),
            "objects_per_frame": np.bincount(self.frame_objects).tolist(),
            "box_occlusion_rate": {
                "edges": BOR_EDGES.round(6).tolist(),
                "counts": np.histogram(rates, BOR_EDGES)[0].tolist(),
            },
        }

    def _per_video(self) -> list[dict]:
        """Helps to choose videos to look at."""
        rates = map(_or_none, self.video_occlusion_rates.tolist())
        counted = zip(self.videos, self.video_instances.tolist(), rates, strict=True)
        return [
            {"id": video.id, "frames": video.length, "instances": n, "mBOR": rate}
            for video, n, rate in counted
        ]


def measure_dataset(
    annotations: Annotations,
    name: str,
    frame_rate: float = FRAME_RATE,
    on_video: Callable[[], object] = lambda: None,
) -> DatasetStatistics:
    """Counts what annotations hold.

    Args:
      annotations: also without occlusion labels or without ground truth.
      name: of the data set.
      frame_rate: frames a second, for durations.
      on_video: called after each video.
    """
    label_of = {category.id: k for k, category in enumerate(annotations.categories)}
    objects: list[tuple[int, int, Instance]] = []
    per_video = []
    for place, video in enumerate(annotations.videos):
        own = [i for i in annotations.instances_of(video.id) if not i.iscrowd]
        objects += [(label_of[i.category_id], place, i) for i in own]
        per_video.append(_measure_video(own, video.is_annotated()))
        on_video()
    visible, rates, crossings = ([video[k] for video in per_video] for k in range(3))
    levels = [_level_counts(instance.occlusion) for _, _, instance in objects]
    scores = [occlusion_score(instance.occlusion) for _, _, instance in objects]
    return DatasetStatistics(
        name=name,
        frame_rate=frame_rate,
        has_ground_truth=annotations.has_ground_truth,
        categories=annotations.categories,
        videos=annotations.videos,
        video_instances=np.array([len(own) for own in visible], np.int64),
        video_occlusion_rates=np.array([_mean(own) for own in rates]),
        frame_objects=_joined([own.sum(0) for own in visible], np.int64),
        box_occlusion_rates=_joined(rates, np.float64),
        crossings=_joined(crossings, bool),
        labels=np.array([label for label, _, _ in objects], np.int64),
        instance_videos=np.array([place for _, place, _ in objects], np.int64),
        instance_frames=_joined([own.sum(1) for own in visible], np.int64),
        level_frames=np.array(levels, np.int64).reshape(-1, len(OCCLUSION_LEVELS)),
        occlusion_scores=np.array(scores, np.float64),
        num_crowds=sum(instance.iscrowd for instance in annotations.instances),
    )


def _measure_video(objects: Sequence[Instance], annotated: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of the T frames that are annotated.

    Returns:
      Where each object has a visible mask, [N, T] bool; rates [T]; crossings [N (N - 1) / 2].
    """
    if not objects:
        length = int(annotated.sum())
        return np.zeros((0, length), bool), np.full(length, np.nan), np.zeros(0, bool)
    visible = np.array([instance.segmentations.areas() > 0 for instance in objects])[:, annotated]
    boxes = np.array([instance.boxes for instance in objects])[:, annotated]
    return visible, box_occlusion_rates(boxes), crossing_pairs(boxes)


def _level_counts(labels: Sequence[str | None] | None) -> list[int]:
    labels = labels or ()
    return [labels.count(level) for level in OCCLUSION_LEVELS]


def _joined(parts: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *parts])


def _shares(counts: np.ndarray, total: int) -> list[float]:
    return (counts / total).tolist() if total else [math.nan] * len(counts)


def _mean(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN if there is none."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else math.nan


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
