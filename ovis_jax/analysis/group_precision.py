"""Average precision within groups of objects, others being ignored as in AP_SO, AP_MO, AP_HO."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ovis_jax.evaluation.accumulate import accumulate
from ovis_jax.evaluation.groups import within_area
from ovis_jax.evaluation.matching import match_category
from ovis_jax.evaluation.objects import Objects
from ovis_jax.evaluation.overlaps import Overlaps


@dataclasses.dataclass(frozen=True)
class GroupPrecision:
    """Numbers of N groups; NaN for a group without objects.

    Attributes:
      ap: [N], average precision: over IoU thresholds, recall points, categories with such objects.
      ar: [N], average recall with 100 tracks of each video and category.
      objects: [N] int, how many objects are in each group.
    """

    ap: np.ndarray
    ar: np.ndarray
    objects: np.ndarray


def score_groups(
    objects: Mapping[int, Objects],
    overlaps: Mapping[int, Sequence[tuple[int, Overlaps]]],
    members: Mapping[int | str, np.ndarray],
) -> GroupPrecision:
    """Scores groups of objects as the evaluator scores occlusion groups.

    Objects outside a group are ignored: a track matched to one is neither right nor wrong. A track
    matched to nothing is wrong in every group.

    Args:
      objects: by category id.
      overlaps: by category id, of each video with its id, by ascending id.
      members: by the id of an object [N] bool, the groups that it is in; others are in none.
    """
    num_groups = len(next(iter(members.values()), ()))
    if not num_groups:
        return GroupPrecision(np.zeros(0), np.zeros(0), np.zeros(0, int))
    precision, recall, counts = [], [], np.zeros(num_groups, int)
    for category, own in objects.items():
        matches = match_category(overlaps.get(category, ()), _grouped(own, members, num_groups))
        curves = accumulate(matches)  # objects of all sizes: the first cells
        precision.append(curves.precision[:num_groups, -1].mean(axis=(1, 2)))
        recall.append(curves.recall[:num_groups, -1].mean(axis=1))
        counts += matches.wanted[:num_groups].sum(axis=1)
    return GroupPrecision(_mean_known(precision), _mean_known(recall), counts)


def _grouped(objects: Objects, members: Mapping[int | str, np.ndarray], num_groups: int) -> Objects:
    """The same objects with groups in the place of occlusion ranges, areas varying slowest."""
    nowhere = np.zeros(num_groups, bool)
    within = np.array([members.get(own.id, nowhere) for own in objects.instances], bool)
    within = within.reshape(len(objects.instances), num_groups).T
    cells = within_area(objects.areas)[:, None] & within
    ignored = objects.is_crowd | ~np.concatenate(cells)
    return dataclasses.replace(objects, ignored=ignored)


def _mean_known(values: list[np.ndarray]) -> np.ndarray:
    """Mean over categories of what is not -1; NaN if nothing is."""
    values = np.array(values)
    known = values >= 0
    total = np.where(known, values, 0).sum(axis=0)
    return np.divide(
        total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0)
    )
