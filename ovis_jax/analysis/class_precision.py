"""The evaluator's numbers, in all and for each class (Fig. 8 of the OVIS paper), with counts."""

from __future__ import annotations

import collections
from collections.abc import Mapping

import numpy as np

from ovis_jax.analysis.bootstrap import comparison_parts
from ovis_jax.analysis.scene_overlaps import match_overlaps, scene_overlaps
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Axis, Bars, Column, Section, Table, percent
from ovis_jax.evaluation.comparison import compare
from ovis_jax.evaluation.evaluator import Matching, score
from ovis_jax.evaluation.overlaps import Key, Overlaps
from ovis_jax.evaluation.summary import Metrics, category_labels
from ovis_jax.formats.annotations import Annotations

COLUMNS = ("AP", "AP50", "AP75", "AP_SO", "AP_MO", "AP_HO", "AR100")

TEXT = """\
The numbers of the evaluator (rules and words: docs/evaluation.md), in all and for each class.
Classes are sorted by the number of their objects. Objects are annotated ones without crowds, frames
are those in which an object is visible, tracks are predicted ones.
"""


class ClassPrecision:
    """AP of every class; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._annotations = annotations
        labels = category_labels(annotations.categories)
        self._labels = {
            c.id: label for c, label in zip(annotations.categories, labels, strict=True)
        }
        self._overlaps: dict[Key, Overlaps] = {}
        self._objects, self._frames, self._tracks = (collections.Counter() for _ in range(3))

    def add(self, scene: Scene) -> None:
        """Keeps the overlaps of a video."""
        self._overlaps |= scene_overlaps(scene)
        self._objects.update(scene.object_categories.tolist())
        self._tracks.update(scene.track_categories.tolist())
        visible = scene.has_object.sum(axis=0).tolist()
        for category, frames in zip(scene.object_categories.tolist(), visible, strict=True):
            self._frames[category] += frames

    def matching(self) -> Matching:
        """Of all videos."""
        return match_overlaps(self._annotations, self._overlaps)

    def sections(self) -> list[Section]:
        """Numbers of all classes, then of each."""
        metrics = score(self.matching())
        summary = Table(
            "metrics",
            "All classes",
            [Column("classes"), *map(percent, COLUMNS)],
            [["all", *_values(metrics.values)]],
            " ".join(metrics.notes),
        )
        order = sorted(metrics.categories, key=lambda own: (-self._objects[own.id], own.id))
        heads = [Column("class"), *map(percent, COLUMNS)]
        heads += [Column(name) for name in ("objects", "frames", "tracks")]
        rows = [
            [
                self._labels[category.id],
                *_values(metrics.category_values[category.id]),
                *(own[category.id] for own in (self._objects, self._frames, self._tracks)),
            ]
            for category in order
        ]
        known = [own for own in order if metrics.category_values[own.id]["AP"] >= 0]
        bars = {
            name: [metrics.category_values[own.id][name] for own in known]
            for name in ("AP", "AP50")
        }
        plot = Bars(
            "AP of each class", Axis("", "%", (0, 1)), [self._labels[own.id] for own in known], bars
        )
        return [
            Section(
                "average_precision",
                "Average precision",
                TEXT,
                [summary, Table("class_precision", "Each class", heads, rows)],
                [plot] if known else [],
                self._numbers(metrics),
            )
        ]

    @classmethod
    def comparison(cls, systems: Mapping[str, ClassPrecision], draws: np.ndarray) -> list[Section]:
        """AP of all systems with intervals, and AP of each class side by side."""
        matchings = [own.matching() for own in systems.values()]
        comparison = compare(matchings, num_samples=len(draws))
        parts = comparison_parts("average_precision", "AP", list(systems), comparison)
        metrics = [score(own) for own in matchings]
        labels = next(iter(systems.values()))._labels
        rows = [
            [
                labels[category.id],
                *(_value(own.category_values[category.id]["AP"]) for own in metrics),
            ]
            for category in metrics[0].categories
        ]
        heads = [Column("class"), *map(percent, systems)]
        parts[0].append(Table("class_precision_systems", "AP of each class", heads, rows))
        known = [own for own in rows if own[1] is not None]
        bars = {name: [own[1 + k] for own in known] for k, name in enumerate(systems)}
        if known:
            names = [own[0] for own in known]
            parts[1].append(Bars("AP of each class", Axis("AP", "%"), names, bars))
        text = "The numbers of the evaluator."
        return [Section("average_precision", "Average precision", text, *parts)]

    def _numbers(self, metrics: Metrics) -> dict:
        counts = {"objects": self._objects, "frames": self._frames, "tracks": self._tracks}
        return {
            "all": dict(zip(metrics.values, _values(metrics.values, None), strict=True)),
            "classes": [
                {
                    "id": own.id,
                    "name": own.name,
                    **{k: _value(v) for k, v in metrics.category_values[own.id].items()},
                    **{name: counter[own.id] for name, counter in counts.items()},
                }
                for own in metrics.categories
            ],
        }


def _values(values: Mapping[str, float], names: tuple[str, ...] | None = COLUMNS) -> list:
    return [_value(values[name]) for name in names or values]


def _value(value: float) -> float | None:
    """The evaluator's -1 stands for nothing to be found."""
    return None if value < 0 else value
