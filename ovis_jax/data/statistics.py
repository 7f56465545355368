"""How occluded a data set is: box occlusion rate (OVIS paper, equation 1), occlusion levels."""

import collections
import dataclasses
from collections.abc import Iterable

import numpy as np

from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS

_MAX_CELLS = 1 << 21  # of all frames that are worked on at once, which bounds the memory


@dataclasses.dataclass(frozen=True)
class Difficulty:
    """Numbers that say how hard a data set is; NaN where there is nothing to count.

    Attributes:
      mean_box_occlusion_rate: mBOR, over all frames that show an object.
      crossing_rate: share of the pairs of objects of a video whose boxes overlap in some frame.
      level_shares: share of each of OCCLUSION_LEVELS among all labels.
    """

    mean_box_occlusion_rate: float
    crossing_rate: float
    level_shares: tuple[float, float, float]


def box_occlusion_rates(boxes: np.ndarray) -> np.ndarray:
    """Box occlusion rate of every frame of a video.

    It is the area of the union of all pairwise intersections of boxes, divided by the area of the
    union of all boxes; exact, for any number of boxes.

    Args:
      boxes: [N, T, 4] as (x, y, width, height) in pixels, NaN where an object is not visible.

    Returns:
      [T] in [0, 1]; NaN in frames without a box of positive area.
    """
    boxes = np.moveaxis(np.asarray(boxes, np.float64), 1, 0)  # [T, N, 4]
    num_frames = max(1, _MAX_CELLS // max(2 * boxes.shape[1], 1) ** 2)
    starts = range(0, len(boxes), num_frames)
    parts = [_rates_at_once(boxes[start : start + num_frames]) for start in starts]
    return np.concatenate([np.empty(0), *parts])


def measure_difficulty(document: dict) -> Difficulty:
    """Difficulty of annotations in OVIS format.

    Args:
      document: the parsed JSON; `bboxes` and `occlusion` of its annotations are read.
    """
    videos = collections.defaultdict(list)
    for annotation in document["annotations"]:
        videos[annotation["video_id"]].append(_boxes_or_nan(annotation["bboxes"]))
    rates, crossings = [np.empty(0)], [np.empty(0, bool)]
    for tracks in videos.values():
        boxes = np.array(tracks)
        rates.append(box_occlusion_rates(boxes))
        crossings.append(crossing_pairs(boxes))
    rate = np.concatenate(rates)
    labels = (label for a in document["annotations"] for label in a["occlusion"])
    return Difficulty(
        mean_box_occlusion_rate=_mean(rate[~np.isnan(rate)]),
        crossing_rate=_mean(np.concatenate(crossings)),
        level_shares=level_shares(labels),
    )


def crossing_pairs(boxes: np.ndarray) -> np.ndarray:
    """Which pairs of objects have overlapping boxes in some frame.

    Args:
      boxes: [N, T, 4] as for `box_occlusion_rates`.

    Returns:
      [N (N - 1) / 2] bool.
    """
    low = boxes[..., :2]
    high = low + boxes[..., 2:]
    first, second = np.triu_indices(len(boxes), 1)
    overlap = np.minimum(high[first], high[second]) - np.maximum(low[first], low[second])
    return (overlap > 0).all(-1).any(-1)  # comparisons with NaN are false


def level_shares(labels: Iterable[str | None]) -> tuple[float, float, float]:
    """Share of each of OCCLUSION_LEVELS among the labels that are not None; NaN if all are."""
    counts = collections.Counter(labels)
    total = sum(counts[level] for level in OCCLUSION_LEVELS)
    return tuple(counts[level] / total if total else float("nan") for level in OCCLUSION_LEVELS)


def _rates_at_once(boxes: np.ndarray) -> np.ndarray:
    """`box_occlusion_rates` of boxes [T, N, 4]."""
    present = ~np.isnan(boxes).any(-1, keepdims=True)
    boxes = np.where(present, boxes, 0)
    in_column, widths = _cells(boxes[..., 0], boxes[..., 2])
    in_row, heights = _cells(boxes[..., 1], boxes[..., 3])
    # Between two neighbouring box edges in x and in y, the number of covering boxes is constant.
    covering = in_column.swapaxes(1, 2) @ in_row  # [T, columns, rows]
    areas = widths[:, :, None] * heights[:, None, :]
    union = (areas * (covering >= 1)).sum((1, 2))
    shared = (areas * (covering >= 2)).sum((1, 2))
    return np.divide(shared, union, out=np.full(len(union), np.nan), where=union > 0)


def _cells(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cuts one axis at all box edges.

    Args:
      starts: [T, N].
      lengths: [T, N].

    Returns:
      [T, N, 2N - 1] float, 1 where a box covers a cell, and the cells' lengths [T, 2N - 1].
    """
    ends = starts + lengths
    edges = np.sort(np.concatenate([starts, ends], axis=1), axis=1)
    left, right = edges[:, None, :-1], edges[:, None, 1:]
    inside = (starts[..., None] <= left) & (right <= ends[..., None])
    return inside.astype(np.float64), np.diff(edges, axis=1)


def _boxes_or_nan(boxes: list) -> list:
    return [[np.nan] * 4 if box is None else box for box in boxes]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
