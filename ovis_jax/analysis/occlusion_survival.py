"""Which share of the identities survives an occlusion, by its length and severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from ovis_jax.analysis.bootstrap import ratio_comparison
from ovis_jax.analysis.frame_matching import match_frames
from ovis_jax.analysis.occlusion_episodes import SEVERE_SHARE, SLIGHT_SHARE, occlusion_states
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Column, Section, Table, percent
from ovis_jax.analysis.survival import (
    SEVERITIES,
    count_outcomes,
    episode_outcomes,
    survived,
    survived_of_all,
)
from ovis_jax.analysis.survival_report import (
    SEVERITY_LABELS,
    survival_line,
    survival_plot,
    survival_rows,
    survival_values,
)
from ovis_jax.formats.annotations import Annotations

_TITLE = "Survival of identities through occlusions"

_TEXT = (
    "An episode of an object is a run of frames in which it is occluded at least so much, with a "
    "frame of less occlusion right before and right after it. Severities are slight, severe, and "
    "without a mask between two frames with one (hidden, or out of the frame: annotations do not "
    "tell). Each severity is looked at by itself; a severe one may be part of a longer slight "
    "one.\n\n"
    "The identity survives if the object is matched to the same track before and after the "
    "episode: the last track among the frames since the episode before, and the first track up to "
    "the next one. Objects are matched to tracks of any category at an IoU of 0.5, and an object "
    "keeps its track whenever that still overlaps enough. Episodes before which an object was "
    "matched to nothing cannot be survived and are counted apart; a system that finds only easy "
    "objects gains by that, so systems are also compared by the share of all episodes. The table's "
    "intervals are Wilson's at 95 %, as if episodes were independent."
)


class OcclusionSurvival:
    """Survival of identities; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._videos: list[np.ndarray] = []  # [SEVERITIES, LENGTHS, Outcome]
        self._unlabelled = 0

    def add(self, scene: Scene) -> None:
        """Looks at the next video."""
        forever = len(scene.iou)
        matched = match_frames(scene.iou, scene.has_object, scene.has_track, memory=forever)
        outcomes = []
        for place, instance in enumerate(scene.objects):
            states = occlusion_states(instance.occlusion, scene.object_areas[:, place])
            outcomes += episode_outcomes(states, matched[:, place])
        self._videos.append(count_outcomes(outcomes))
        self._unlabelled += int(np.isnan(scene.occlusion).sum())

    def sections(self) -> list[Section]:
        """A table, and a curve for each severity."""
        counts = _total(self._videos)
        note = ""
        if self._unlabelled:
            note = (
                f"Objects without occlusion labels: {self._unlabelled}. Their occlusion counts as "
                f"slight below {SLIGHT_SHARE:.0%} of their median visible area, as severe below "
                f"{SEVERE_SHARE:.0%}."
            )
        heads = [
            *(Column(name) for name in ("occlusion", "frames", "episodes", "matched before")),
            *(Column(name) for name in ("same track", "another track", "not found again")),
            percent("survival"),
            percent("survival if found again"),
            percent("same track, of all episodes"),
        ]
        lines = [
            survival_line(own, SEVERITY_LABELS[name])
            for own, name in zip(counts, SEVERITIES, strict=True)
        ]
        return [
            Section(
                name="occlusion_survival",
                title=_TITLE,
                text=_TEXT,
                tables=[Table("occlusion_survival", _TITLE, heads, survival_rows(counts), note)],
                plots=[survival_plot("Identities that survive an occlusion", lines)],
                values=survival_values(counts),
            )
        ]

    @classmethod
    def comparison(cls, systems: Mapping[str, Self], draws: np.ndarray) -> list[Section]:
        """Several systems side by side; see `Analysis`."""
        if not draws.size:
            return []
        counts = np.array([system._videos for system in systems.values()]).sum(axis=3)  # lengths
        tables, plots, values = ratio_comparison(
            "survival_of_systems",
            "Survival of identities",
            [
                *(SEVERITY_LABELS[name] for name in SEVERITIES),
                *(f"{SEVERITY_LABELS[name]}, of all episodes" for name in SEVERITIES),
            ],
            list(systems),
            np.concatenate([survived(counts), survived_of_all(counts)], axis=2),
            draws,
        )
        severe = SEVERITIES.index("severe")
        lines = [
            survival_line(_total(system._videos)[severe], name) for name, system in systems.items()
        ]
        plots = [*plots, survival_plot("Identities that survive a severe occlusion", lines)]
        return [Section("occlusion_survival", _TITLE, "", tables, plots, values)]


def _total(videos: list[np.ndarray]) -> np.ndarray:
    return np.sum([count_outcomes([]), *videos], axis=0)
