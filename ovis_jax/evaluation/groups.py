"""Which objects and tracks belong to which group: area range × occlusion range.

C groups: area range a and occlusion range o are group a * O + o, with O 1 without occlusion.
"""

from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.areas import AREA_RANGES, in_area_ranges, mean_area
from ovis_jax.evaluation.occlusion import OCCLUSION_RANGES, in_occlusion_ranges
from ovis_jax.formats.annotations import Instance
from ovis_jax.formats.results import TrackResult


def group_shape(occlusion: bool) -> tuple[int, int]:
    """(A, O), the numbers of area and of occlusion ranges."""
    return len(AREA_RANGES), len(OCCLUSION_RANGES) if occlusion else 1


def ignored_truths(instances: Sequence[Instance], occlusion: np.ndarray | None) -> np.ndarray:
    """Objects that a result may find in a group without counting: not of the group, or a crowd.

    Args:
      instances: N objects.
      occlusion: [N] occlusion scores, NaN if unknown; None for groups by area alone.

    Returns:
      [C, N] bool.
    """
    crowd = np.array([instance.iscrowd for instance in instances], bool)
    by_area = in_area_ranges(np.array([mean_area(instance.areas) for instance in instances]))
    everywhere = np.ones((1, len(instances)), bool)
    by_occlusion = everywhere if occlusion is None else in_occlusion_ranges(occlusion)
    inside = by_area[:, None] & by_occlusion & ~crowd  # [A, O, N]
    return ~inside.reshape(-1, len(instances))


def uncounted_results(results: Sequence[TrackResult], occlusion: bool) -> np.ndarray:
    """Results that do not count as wrong if they find nothing: those outside the area range.

    A result has no occlusion score, so it counts in all groups by occlusion alike.

    Args:
      results: N tracks.
      occlusion: whether there are groups by occlusion.

    Returns:
      [C, N] bool.
    """
    areas = np.array([mean_area(result.segmentations.areas()) for result in results])
    return np.repeat(~in_area_ranges(areas), group_shape(occlusion)[1], axis=0)
