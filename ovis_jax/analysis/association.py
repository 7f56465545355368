"""How well objects are found and kept apart: HOTA and IDF1 over all videos, by occlusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from ovis_jax.analysis.association_report import association_section, compare_associations
from ovis_jax.analysis.association_sums import AssociationSums, measure_association
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Section
from ovis_jax.analysis.sums import add_up
from ovis_jax.evaluation.summary import category_labels
from ovis_jax.formats.annotations import Annotations

MIN_SCORES = tuple(number / 10 for number in range(10))
"""Scores from which on tracks count, in the curve over scores; elsewhere all of them count."""


class Association:
    """HOTA and IDF1: among the tracks of an object's category, and among all tracks."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._categories = annotations.categories
        self._within: list[AssociationSums] = []  # of each video
        self._across: list[AssociationSums] = []
        self._of_category: dict[int, list[AssociationSums]] = {}
        self._of_score: list[list[AssociationSums]] = [[] for _ in MIN_SCORES]

    def add(self, scene: Scene) -> None:
        """Looks at the next video."""
        objects, tracks = np.ones(len(scene.objects), bool), np.ones(len(scene.tracks), bool)
        nothing = measure_association(scene, ~objects, ~tracks)
        parts = _Parts(scene)
        all_tracks = parts.surer(-np.inf)
        for category, own in all_tracks.items():
            self._of_category.setdefault(category, []).append(own)
        self._within.append(add_up([nothing, *all_tracks.values()]))
        self._across.append(measure_association(scene, objects, tracks))
        for min_score, found in zip(MIN_SCORES, self._of_score, strict=True):
            found.append(add_up([nothing, *parts.surer(min_score).values()]))

    def sections(self) -> list[Section]:
        """What came out."""
        if not self._within:
            return []
        labels = category_labels(self._categories)
        return [
            association_section(
                within=add_up(self._within),
                across=add_up(self._across),
                of_category={
                    label: add_up(self._of_category[own.id])
                    for label, own in zip(labels, self._categories, strict=True)
                    if own.id in self._of_category
                },
                of_score=dict(zip(MIN_SCORES, map(add_up, self._of_score), strict=True)),
            )
        ]

    @classmethod
    def comparison(cls, systems: Mapping[str, Self], draws: np.ndarray) -> list[Section]:
        """Several systems side by side; see `Analysis`."""
        return compare_associations({name: own._within for name, own in systems.items()}, draws)


class _Parts:
    """The categories of a video, measured once for each number of tracks."""

    def __init__(self, scene: Scene):
        self._scene, self._known = scene, {}
        categories = np.concatenate([scene.object_categories, scene.track_categories])
        self._categories = np.unique(categories).tolist()

    def surer(self, min_score: float) -> dict[int, AssociationSums]:
        """Sums of each category with the tracks from a score on."""
        scene, parts = self._scene, {}
        for category in self._categories:
            tracks = (scene.track_categories == category) & (scene.scores >= min_score)
            key = category, int(tracks.sum())
            if key not in self._known:
                objects = scene.object_categories == category
                self._known[key] = measure_association(scene, objects, tracks)
            parts[category] = self._known[key]
        return parts
