"""The numbers that are published, from precision and recall."""

import dataclasses

import numpy as np

from ovis_jax.evaluation.accumulate import RESULT_LIMITS
from ovis_jax.evaluation.areas import AREA_RANGES
from ovis_jax.evaluation.matching import IOU_THRESHOLDS
from ovis_jax.evaluation.occlusion import OCCLUSION_RANGES
from ovis_jax.formats.annotations import Category

_LAST = len(RESULT_LIMITS) - 1
_AREAS, _OCCLUSIONS = list(AREA_RANGES)[1:], list(OCCLUSION_RANGES)[1:]


@dataclasses.dataclass(frozen=True, eq=False)
class Metrics:
    """Precision and recall, with -1 wherever there is no ground truth.

    Letters: T IoU thresholds 0.5, 0.55, … 0.95; R recalls 0, 0.01, … 1; K categories; A areas all,
    small, medium, large; O occlusion all, SO, MO, HO (or all alone); M at most 1, 10, 100 results
    of a video and category.

    Attributes:
      precision: [T, R, K, A, O, M] float64 in [0, 1].
      recall: [T, K, A, O, M] float64 in [0, 1].
      categories: K, sorted by id.
      notes: what a reader of the numbers should know.
    """

    precision: np.ndarray
    recall: np.ndarray
    categories: tuple[Category, ...]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, float | dict[str, float]]:
        """The contents of metrics.json: AP … AR_HO in the published order, then per_category."""
        return {**self._precisions(), **self._recalls(), "per_category": self.per_category()}

    def per_category(self) -> dict[str, float]:
        """AP by name of the category; the id is added to names that occur twice."""
        names = [category.name for category in self.categories]
        return {
            c.name if names.count(c.name) == 1 else f"{c.name} ({c.id})": _mean(
                self.precision[:, :, k, 0, 0, _LAST]
            )
            for k, c in enumerate(self.categories)
        }

    def _precisions(self) -> dict[str, float]:
        best = self.precision[..., _LAST]  # [T, R, K, A, O]
        at_50, at_75 = (int(np.abs(IOU_THRESHOLDS - t).argmin()) for t in (0.5, 0.75))
        named = {
            "AP": best[..., 0, 0],
            "AP50": best[at_50, ..., 0, 0],
            "AP75": best[at_75, ..., 0, 0],
        }
        return {name: _mean(values) for name, values in (named | _groups("AP", best)).items()}

    def _recalls(self) -> dict[str, float]:
        named = {f"AR{n}": self.recall[..., 0, 0, i] for i, n in enumerate(RESULT_LIMITS)}
        named |= _groups("AR", self.recall[..., _LAST])
        return {name: _mean(values) for name, values in named.items()}


def format_table(metrics: Metrics, *, per_category: bool = False) -> str:
    """Metrics for reading, in points from 0 to 100; a dash where there is no ground truth.

    Args:
      metrics: to show.
      per_category: adds the AP of every category.
    """
    values = metrics.as_dict()
    categories = values.pop("per_category")
    recalls = {name: value for name, value in values.items() if name.startswith("AR")}
    precisions = {name: value for name, value in values.items() if name not in recalls}
    lines = _columns(precisions) + _columns(recalls)
    if per_category:
        width = max(map(len, categories), default=0)
        lines += [f"{name:<{width}} {_points(value)}" for name, value in categories.items()]
    return "\n".join(lines + [f"note: {note}" for note in metrics.notes])


def _groups(prefix: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Splits [..., A, O] by area, and by occlusion if there are such groups."""
    by_area = {f"{prefix}_{name}": values[..., i, 0] for i, name in enumerate(_AREAS, start=1)}
    if values.shape[-1] == 1:
        return by_area
    return by_area | {
        f"{prefix}_{name}": values[..., 0, i] for i, name in enumerate(_OCCLUSIONS, start=1)
    }


def _mean(values: np.ndarray) -> float:
    """Mean over what has ground truth, or -1."""
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0


def _columns(values: dict[str, float]) -> list[str]:
    """Two lines: names above numbers."""
    width = max(map(len, values)) + 1
    names = "".join(f"{name:>{width}}" for name in values)
    return [names, "".join(f"{_points(value):>{width}}" for value in values.values())]


def _points(value: float) -> str:
    return f"{'-' if value < 0 else format(100 * value, '.1f'):>5}"
