"""Matches → the numbers that papers report."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ovis_jax.evaluation.accumulate import (
    MAX_DETECTIONS,
    Curves,
    accumulate,
    accumulate_surest,
    stack_curves,
)
from ovis_jax.evaluation.groups import AREA_RANGES, OCCLUSION_RANGES
from ovis_jax.evaluation.matching import Matches
from ovis_jax.formats.annotations import Category

DATASETS = ("ovis", "ytvis")
_AREAS, _LEVELS = list(AREA_RANGES), list(OCCLUSION_RANGES)
_AT = {50: 0, 75: 5}  # IoU in percent → position in IOU_THRESHOLDS


@dataclasses.dataclass(frozen=True, eq=False)
class Averaged:
    """What the numbers are means of, -1 where there is nothing to be found.

    Attributes:
      precision: [K, areas, occlusions, thresholds, recall points], with the 100 surest tracks; for
        "ytvis" the axis of occlusions is 1 long.
      recall: [K, areas, occlusions, limits, thresholds].
    """

    precision: np.ndarray
    recall: np.ndarray

    @classmethod
    def of(cls, matches: Sequence[Matches]) -> Averaged:
        """Of all K categories, which are not kept twice: with 1,196 of them they are large."""
        precision, recall = [], []
        for k, own in enumerate(matches):
            arrays = accumulate_surest(own)
            if not k:
                precision, recall = (np.empty((len(matches), *array.shape)) for array in arrays)
            precision[k], recall[k] = arrays
        return cls(_by_group(precision), _by_group(recall))

    def some(self, rows: Sequence[int] | slice) -> Averaged:
        """Of some categories."""
        return Averaged(self.precision[rows], self.recall[rows])


@dataclasses.dataclass(frozen=True, eq=False)
class Metrics:
    """What an evaluation found; -1 stands for "no such ground truth".

    Attributes:
      dataset: "ovis", or "ytvis", which has no occlusion groups.
      values: name → number in [0, 1], in the order of the official evaluator.
      categories: sorted by id.
      category_values: category id → name → number.
      averaged: what the numbers are means of.
      matches: of each category, what the curves follow from.
      notes: sentences on what is unusual in the input.
    """

    dataset: str
    values: dict[str, float]
    categories: tuple[Category, ...]
    category_values: dict[int, dict[str, float]]
    averaged: Averaged
    matches: tuple[Matches, ...]
    notes: tuple[str, ...]

    @functools.cached_property
    def curves(self) -> Curves:
        """The full arrays, made when they are asked for.

        Precision and scores are [K, areas, occlusions, limits, thresholds, recall points], recall
        is [K, areas, occlusions, limits, thresholds]; for "ytvis" the axis of occlusions is 1 long.
        """
        stacked = stack_curves([accumulate(own) for own in self.matches])
        arrays = (stacked.precision, stacked.scores, stacked.recall)
        return Curves(*(_by_group(array) for array in arrays))

    @property
    def precision(self) -> np.ndarray:
        """[thresholds, recall points, K, areas, occlusions, limits], the official order."""
        return np.moveaxis(self.curves.precision, (-2, -1), (0, 1))

    @property
    def recall(self) -> np.ndarray:
        """[thresholds, K, areas, occlusions, limits], the official order."""
        return np.moveaxis(self.curves.recall, -1, 0)

    def over(self, category_ids: Collection[int]) -> dict[str, float]:
        """Name → number, averaged over some of the categories."""
        rows = [k for k, category in enumerate(self.categories) if category.id in category_ids]
        return _values(self.averaged.some(rows), self.dataset)

    def as_dict(self, groups: Mapping[str, Collection[int]] | None = None) -> dict:
        """The contents of metrics.json: the numbers, AP by category name, the numbers of groups.

        Args:
          groups: category ids by the name that their numbers are to have.
        """
        labels = category_labels(self.categories)
        values = [self.category_values[category.id]["AP"] for category in self.categories]
        written = self.values | {"per_category": dict(zip(labels, values, strict=True))}
        return written | {name: self.over(ids) for name, ids in (groups or {}).items()}


def category_labels(categories: Sequence[Category]) -> list[str]:
    """Names that are all different: where two are the same, with the id behind."""
    times = collections.Counter(category.name for category in categories)
    return [c.name if times[c.name] == 1 else f"{c.name} (id {c.id})" for c in categories]


def summarize(
    matches: Sequence[Matches], categories: Sequence[Category], dataset: str, notes: Sequence[str]
) -> Metrics:
    """Averages over categories, thresholds and recall points.

    Args:
      matches: of all categories.
      categories: in the order of the matches.
      dataset: one of DATASETS.
      notes: as in `Metrics`.
    """
    averaged = Averaged.of(matches)
    own = {
        category.id: _values(averaged.some(slice(k, k + 1)), dataset)
        for k, category in enumerate(categories)
    }
    values = _values(averaged, dataset)
    return Metrics(dataset, values, tuple(categories), own, averaged, tuple(matches), tuple(notes))


def _by_group(array: np.ndarray) -> np.ndarray:
    """[K, cells, ...] as [K, areas, occlusions, ...]."""
    return array.reshape(len(array), len(AREA_RANGES), -1, *array.shape[2:])


def _values(averaged: Averaged, dataset: str) -> dict[str, float]:
    """All numbers, averaged over the categories that are there."""
    levels = _LEVELS[1:] if dataset == "ovis" else []
    values = {"AP": _precision(averaged)}
    values |= {f"AP{percent}": _precision(averaged, threshold=i) for percent, i in _AT.items()}
    values |= {f"AP_{area}": _precision(averaged, area=area) for area in _AREAS[1:]}
    values |= {f"AP_{level}": _precision(averaged, occlusion=level) for level in levels}
    values |= {f"AR{limit}": _recall(averaged, limit=limit) for limit in MAX_DETECTIONS}
    values |= {f"AR_{area}": _recall(averaged, area=area) for area in _AREAS[1:]}
    return values | {f"AR_{level}": _recall(averaged, occlusion=level) for level in levels}


def _precision(
    averaged: Averaged, *, threshold: int | None = None, area: str = "all", occlusion: str = "all"
) -> float:
    """Average precision, over all IoU thresholds or at one."""
    chosen = averaged.precision[:, _AREAS.index(area), _LEVELS.index(occlusion)]
    return _mean(chosen if threshold is None else chosen[:, threshold])


def _recall(
    averaged: Averaged, *, limit: int = 100, area: str = "all", occlusion: str = "all"
) -> float:
    """Average recall over all IoU thresholds."""
    position = MAX_DETECTIONS.index(limit)
    return _mean(averaged.recall[:, _AREAS.index(area), _LEVELS.index(occlusion), position])


def _mean(values: np.ndarray) -> float:
    """Mean of what is not -1; -1 if nothing is left."""
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0
