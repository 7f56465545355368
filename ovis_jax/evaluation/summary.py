"""Curves → the numbers that papers report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.accumulate import MAX_DETECTIONS, Curves
from ovis_jax.evaluation.groups import AREA_RANGES, OCCLUSION_RANGES
from ovis_jax.formats.annotations import Category

DATASETS = ("ovis", "ytvis")
_AREAS, _LEVELS = list(AREA_RANGES), list(OCCLUSION_RANGES)
_AT = {50: 0, 75: 5}  # IoU in percent → position in IOU_THRESHOLDS


@dataclasses.dataclass(frozen=True, eq=False)
class Metrics:
    """What an evaluation found; -1 stands for "no such ground truth".

    Attributes:
      dataset: "ovis", or "ytvis", which has no occlusion groups.
      values: name → number in [0, 1], in the order of the official evaluator.
      categories: sorted by id.
      category_values: category id → name → number.
      curves: precision and scores [K, areas, occlusions, limits, thresholds, recall points], recall
        [K, areas, occlusions, limits, thresholds]; for "ytvis" the axis of occlusions is 1 long.
      notes: sentences on what is unusual in the input.
    """

    dataset: str
    values: dict[str, float]
    categories: tuple[Category, ...]
    category_values: dict[int, dict[str, float]]
    curves: Curves
    notes: tuple[str, ...]

    @property
    def precision(self) -> np.ndarray:
        """[thresholds, recall points, K, areas, occlusions, limits], the official order."""
        return np.moveaxis(self.curves.precision, (-2, -1), (0, 1))

    @property
    def recall(self) -> np.ndarray:
        """[thresholds, K, areas, occlusions, limits], the official order."""
        return np.moveaxis(self.curves.recall, -1, 0)

    def as_dict(self) -> dict:
        """The contents of metrics.json: the numbers, and AP by category name."""
        labels = category_labels(self.categories)
        values = [self.category_values[category.id]["AP"] for category in self.categories]
        return self.values | {"per_category": dict(zip(labels, values, strict=True))}


def category_labels(categories: Sequence[Category]) -> list[str]:
    """Names that are all different: where two are the same, with the id behind."""
    names = [category.name for category in categories]
    return [c.name if names.count(c.name) == 1 else f"{c.name} (id {c.id})" for c in categories]


def summarize(
    curves: Curves, categories: Sequence[Category], dataset: str, notes: Sequence[str]
) -> Metrics:
    """Averages curves.

    Args:
      curves: of all categories, with the axes of `Metrics.curves`.
      categories: in the order of the curves.
      dataset: one of DATASETS.
      notes: as in `Metrics`.
    """
    own = {
        category.id: _values(_category_curves(curves, k), dataset)
        for k, category in enumerate(categories)
    }
    return Metrics(dataset, _values(curves, dataset), tuple(categories), own, curves, tuple(notes))


def _values(curves: Curves, dataset: str) -> dict[str, float]:
    """All numbers, averaged over the categories of the curves."""
    levels = _LEVELS[1:] if dataset == "ovis" else []
    values = {"AP": _precision(curves)}
    values |= {f"AP{percent}": _precision(curves, threshold=i) for percent, i in _AT.items()}
    values |= {f"AP_{area}": _precision(curves, area=area) for area in _AREAS[1:]}
    values |= {f"AP_{level}": _precision(curves, occlusion=level) for level in levels}
    values |= {f"AR{limit}": _recall(curves, limit=limit) for limit in MAX_DETECTIONS}
    values |= {f"AR_{area}": _recall(curves, area=area) for area in _AREAS[1:]}
    return values | {f"AR_{level}": _recall(curves, occlusion=level) for level in levels}


def _precision(
    curves: Curves, *, threshold: int | None = None, area: str = "all", occlusion: str = "all"
) -> float:
    """Average precision, over all IoU thresholds or at one."""
    chosen = curves.precision[:, _AREAS.index(area), _LEVELS.index(occlusion), -1]
    return _mean(chosen if threshold is None else chosen[:, threshold])


def _recall(
    curves: Curves, *, limit: int = 100, area: str = "all", occlusion: str = "all"
) -> float:
    """Average recall over all IoU thresholds."""
    position = MAX_DETECTIONS.index(limit)
    return _mean(curves.recall[:, _AREAS.index(area), _LEVELS.index(occlusion), position])


def _mean(values: np.ndarray) -> float:
    """Mean of what is not -1; -1 if nothing is left."""
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0


def _category_curves(curves: Curves, category: int) -> Curves:
    one = slice(category, category + 1)
    return Curves(curves.precision[one], curves.scores[one], curves.recall[one])
