"""What each kind of error costs: the AP that is gained where it alone is repaired."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ovis_jax.analysis.average_precision import PrecisionLog, mean_known
from ovis_jax.analysis.bootstrap import comparison_parts
from ovis_jax.analysis.error_kinds import KINDS, error_kinds
from ovis_jax.analysis.repairs import SINGLE, TOTALS, Repair, missed, repaired
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Axis, Bars, Column, Section, Table
from ovis_jax.analysis.verdicts import LEVELS, judge
from ovis_jax.evaluation.comparison import Comparison
from ovis_jax.formats.annotations import Annotations

NOTHING = Repair("none")
REPAIRS = (NOTHING, *SINGLE, *TOTALS)
COLUMNS = ("AP", "AP_SO", "AP_MO", "AP_HO", "AP50")
MAX_DRAWS = 200
"""Draws of the videos that costs are computed on; each of them scores every repair anew."""

_WORDS = {
    "duplicate": "duplicate",
    "classification": "class",
    "spatial": "spatial extent",
    "association": "temporal association",
    "spatial_and_association": "extent and association",
    "class_and_extent": "class and extent",
    "background": "background",
    "missed": "missed object",
    "wrong_tracks": "all wrong tracks",
    "objects_not_found": "all objects not found",
    "everything": "everything",
}

TEXT = """\
Each row is one repair of the results; nothing else changes. A gain is the AP after the repair minus
the AP before, over all IoU thresholds t (0.50 to 0.95) and categories. At each threshold, a track
is wrong if the evaluator matches it to nothing. Its kind is the first of these that holds, by the
overlap of its tube with those of all objects of the video:

- duplicate: IoU of t or more with an object of its class, which a surer track has; it is removed
- class: t or more with an object of another class; it gets that class
- spatial extent, temporal association, extent and association: 0.1 or more with an object of its
  class, but less than t; it gets the masks of the object
- class and extent: 0.1 or more with an object of another class; it gets class and masks
- background: less than 0.1 with every object; it is removed

Among the errors of extent, a track is on its object in the frames where their IoU is 0.1 or more.
The error is of spatial extent if true masks in these frames would lift the track to t, of temporal
association if true masks in all other frames would; if either would do, the one that lifts it
higher; if neither does, of extent and association. A missed object is matched to nothing, and no
wrong track has it as its object; it need not be found any more. Of several repaired tracks with one
object, or if the object is found already, all but the surest are removed.

The last rows: all wrong tracks are removed; no object that is not found needs to be found; all
kinds are repaired at once, which leaves an AP of 100. Gains do not add up. In SO, MO and HO the
objects of the group alone are wanted, while every wrong track counts, as in the evaluator.
"""


class ErrorCosts:
    """Costs of the kinds of errors; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._logs = {repair.name: PrecisionLog() for repair in REPAIRS}
        self._counts = np.zeros(len(SINGLE), np.int64)

    def add(self, scene: Scene) -> None:
        """Repairs a video."""
        judged, errors = judge(scene), error_kinds(scene)
        for repair in REPAIRS:
            self._logs[repair.name].add(scene.video.id, repaired(scene, judged, errors, repair))
        wrong = errors.kinds[0][judged.wrong[0, 0]]
        self._counts[:-1] += np.bincount(wrong, minlength=len(KINDS))
        self._counts[-1] += missed(judged, errors)[0, 0].sum()

    def sections(self) -> list[Section]:
        """The table of gains."""
        found = {name: log.average_precision() for name, log in self._logs.items()}
        values = {name: _summary(own) for name, own in found.items()}
        base = values[NOTHING.name]
        gains = {name: own - base for name, own in values.items() if name != NOTHING.name}
        names = [repair.name for repair in (*SINGLE, *TOTALS)]
        counts = [*self._counts.tolist(), *[None] * len(TOTALS)]
        rows = [
            [_WORDS[name], count, *map(_known, gains[name])]
            for name, count in zip(names, counts, strict=True)
        ]
        heads = [Column("repaired"), Column("tracks or objects at IoU 0.5")]
        heads += [Column(name, "points", 1) for name in COLUMNS]
        before = ", ".join(_as_text(*own) for own in zip(COLUMNS, base, strict=True))
        table = Table("error_costs", "AP gained by repairs", heads, rows, f"Before: {before}.")
        single = [repair.name for repair in SINGLE]
        plot = Bars(
            "AP gained by repairing one kind of error",
            Axis("gain", "points"),
            [_WORDS[name] for name in single],
            {
                level: [_known(gains[name][k]) for name in single]
                for k, level in enumerate(COLUMNS[: len(LEVELS)])
            },
        )
        numbers = {
            "before": dict(zip(COLUMNS, map(_known, base), strict=True)),
            "gain": {
                name: dict(zip(COLUMNS, map(_known, gains[name]), strict=True)) for name in names
            },
            "counts": dict(zip(single, self._counts.tolist(), strict=True)),
        }
        return [Section("error_costs", "What errors cost", TEXT, [table], [plot], numbers)]

    @classmethod
    def comparison(cls, systems: Mapping[str, ErrorCosts], draws: np.ndarray) -> list[Section]:
        """AP, and gains of all repairs among all objects, with intervals."""
        draws = draws[:MAX_DRAWS]
        samples = np.stack([own._gains(draws) for own in systems.values()], axis=1)
        once = np.ones((1, draws.shape[1]), np.int64)
        values = np.stack([own._gains(once)[0] for own in systems.values()])
        names = ("AP before", *(_WORDS[repair.name] for repair in (*SINGLE, *TOTALS)))
        comparison = Comparison(names, values, samples)
        text = (
            "AP gained by each repair, as defined in the sections of the systems; the lower, the "
            "less the error costs."
        )
        parts = comparison_parts("error_costs", "AP gained by repairs", list(systems), comparison)
        return [Section("error_costs", "What errors cost", text, *parts)]

    def _gains(self, draws: np.ndarray) -> np.ndarray:
        """[B, repairs], AP before, then what each repair gains."""
        found = np.stack([log.sampled(draws) for log in self._logs.values()], axis=1)
        return np.concatenate([found[:, :1], found[:, 1:] - found[:, :1]], axis=1)


def _summary(precision: np.ndarray) -> np.ndarray:
    """[columns] from [L, H, K]; NaN where there is no object."""
    if not precision.size:
        return np.full(len(COLUMNS), np.nan)
    return np.append(mean_known(precision, (1, 2)), mean_known(precision[0, 0], 0))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _as_text(name: str, value: float) -> str:
    return f"{name} -" if np.isnan(value) else f"{name} {100 * value:.1f}"
