"""Which result finds which ground truth, for all IoU thresholds and groups of objects at once.

Letters: T IoU thresholds, C groups (area range × occlusion range), D results, G ground truths.
"""

import dataclasses

import numpy as np

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
MAX_DETECTIONS = 100  # results that count, of one video and category
_NEARLY_ONE = 1 - 1e-10


@dataclasses.dataclass(frozen=True)
class Matches:
    """Results of one video and category against its ground truth.

    Attributes:
      scores: [D] float64, descending.
      true_positive: [T, C, D] bool, found a ground truth of the group.
      false_positive: [T, C, D] bool, found none; results in neither array count for nothing.
      num_truths: [C] int, ground truths of the group.
    """

    scores: np.ndarray
    true_positive: np.ndarray
    false_positive: np.ndarray
    num_truths: np.ndarray


def match(
    scores: np.ndarray,
    ious: np.ndarray,
    outside: np.ndarray,
    ignored: np.ndarray,
    crowd: np.ndarray,
) -> Matches:
    """Matches results to ground truths, the surest result first.

    Args:
      scores: [D] float64, descending, D at most MAX_DETECTIONS.
      ious: [D, G] of the tracks.
      outside: [C, D] bool, results that count for nothing in a group if they find nothing.
      ignored: [C, G] bool, ground truths that are not of the group.
      crowd: [G] bool, ground truths that any number of results may find.
    """
    found = find_truths(ious, ignored, crowd)
    if ignored.shape[1]:
        group = np.arange(len(ignored))[:, None]
        found_ignored = (found >= 0) & ignored[group, found]  # [T, C, D]
    else:
        found_ignored = np.zeros(found.shape, bool)
    return Matches(
        scores=scores,
        true_positive=(found >= 0) & ~found_ignored,
        false_positive=(found < 0) & ~outside,
        num_truths=np.sum(~ignored, axis=1),
    )


def find_truths(ious: np.ndarray, ignored: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """[T, C, D] int, the ground truth that each result finds, or -1.

    In turn, a result takes the free ground truth with the highest sufficient IoU, the later one
    of equals; ignored ground truths only if no other is left. For the arguments see `match`.
    """
    num_results, num_truths = ious.shape
    found = np.full((len(IOU_THRESHOLDS), len(ignored), num_results), -1)
    free = np.ones((len(IOU_THRESHOLDS), len(ignored), num_truths), bool)
    enough = ious >= np.minimum(IOU_THRESHOLDS, _NEARLY_ONE)[:, None, None]  # [T, D, G]
    ranks = np.argsort(np.argsort(ious, axis=1, kind="stable"), axis=1)  # later of equals: higher
    for d in np.flatnonzero(enough[0].any(axis=1)):
        preference = ranks[d] + num_truths * ~ignored  # [C, G]
        preference = np.where(free & enough[:, d, None], preference, -1)  # [T, C, G]
        best = preference.argmax(axis=-1)[..., None]
        taken = np.take_along_axis(preference, best, -1) >= 0
        found[..., d] = np.where(taken, best, -1)[..., 0]
        still = np.take_along_axis(free, best, -1) & (~taken | crowd[best])
        np.put_along_axis(free, best, still, -1)
    return found
