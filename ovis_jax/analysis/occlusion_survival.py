"""Which share of the identities survives an occlusion, by its length and severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from ovis_jax.analysis.bootstrap import ratio_comparison
from ovis_jax.analysis.frame_matching import match_frames
from ovis_jax.analysis.occlusion_episodes import SEVERE_SHARE, SLIGHT_SHARE, occlusion_states
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Axis, Column, Curves, Interval, Line, Section, Table, percent
from ovis_jax.analysis.survival import (
    LENGTHS,
    SEVERITIES,
    Outcome,
    count_outcomes,
    episode_outcomes,
    survived,
    survived_of_all,
    wilson_interval,
)
from ovis_jax.formats.annotations import Annotations

_TITLE = "Survival of identities through occlusions"

_SEVERITY_LABELS = {
    "slight": "at least slight",
    "severe": "at least severe",
    "hidden": "no mask",
}

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
        lines = [_severity_line(own, name) for own, name in zip(counts, SEVERITIES, strict=True)]
        return [
            Section(
                name="occlusion_survival",
                title=_TITLE,
                text=_TEXT,
                tables=[Table("occlusion_survival", _TITLE, heads, _rows(counts), note)],
                plots=[_plot("Identities that survive an occlusion", lines)],
                values=_values(counts),
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
                *(_SEVERITY_LABELS[name] for name in SEVERITIES),
                *(f"{_SEVERITY_LABELS[name]}, of all episodes" for name in SEVERITIES),
            ],
            list(systems),
            np.concatenate([survived(counts), survived_of_all(counts)], axis=2),
            draws,
        )
        severe = SEVERITIES.index("severe")
        lines = [
            _severity_line(_total(system._videos)[severe], name) for name, system in systems.items()
        ]
        plots = [*plots, _plot("Identities that survive a severe occlusion", lines)]
        return [Section("occlusion_survival", _TITLE, "", tables, plots, values)]


def _total(videos: list[np.ndarray]) -> np.ndarray:
    return np.sum([count_outcomes([]), *videos], axis=0)


def _rows(counts: np.ndarray) -> list[list]:
    rows = []
    for own, severity in zip(counts, SEVERITIES, strict=True):
        label = _SEVERITY_LABELS[severity]
        rows += [
            [label, _length_label(length), *_cells(group)]
            for group, length in zip(own, LENGTHS, strict=True)
        ]
        rows.append([label, "any", *_cells(own.sum(axis=0))])
    return rows


def _cells(counts: np.ndarray) -> list:
    """Numbers and shares of episodes, [Outcome] int."""
    kept, tracked = survived(counts).tolist()
    found = tracked - int(counts[Outcome.LOST])
    return [
        int(counts.sum()),
        tracked,
        kept,
        int(counts[Outcome.SWITCHED]),
        int(counts[Outcome.LOST]),
        _share(kept, tracked),
        _share(kept, found),
        _share(kept, int(counts.sum())),
    ]


def _share(count: int, total: int) -> Interval | None:
    return Interval(count / total, *wilson_interval(count, total)) if total else None


def _severity_line(counts: np.ndarray, label: str) -> Line:
    """A curve over the lengths, from counts [LENGTHS, Outcome]."""
    cells = [_share(*own) or Interval(None, None, None) for own in survived(counts).tolist()]
    return Line(
        _SEVERITY_LABELS.get(label, label),
        [low for low, _ in LENGTHS],
        [own.value for own in cells],
        [own.low for own in cells],
        [own.high for own in cells],
    )


def _plot(title: str, lines: list[Line]) -> Curves:
    return Curves(
        title,
        Axis("frames of the occlusion, at least", "frames"),
        Axis("same track before and after", "%", (0.0, 1.0)),
        lines,
    )


def _values(counts: np.ndarray) -> dict[str, dict]:
    names = [outcome.name.lower() for outcome in Outcome]
    values = {}
    for own, severity in zip(counts, SEVERITIES, strict=True):
        groups = {_length_label(length): own[k] for k, length in enumerate(LENGTHS)}
        groups["any"] = own.sum(axis=0)
        values[severity] = {}
        for label, group in groups.items():
            kept, tracked = survived(group).tolist()
            share = _share(kept, tracked)
            values[severity][label] = {
                **dict(zip(names, group.tolist(), strict=True)),
                "survival": share and share.value,
                "interval": share and [share.low, share.high],
            }
    return values


def _length_label(length: tuple[int, int | None]) -> str:
    low, high = length
    if high is None:
        return f"{low} or more"
    return str(low) if low == high else f"{low} to {high}"
