"""How often objects change their track: switches and breaks, by occlusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from ovis_jax.analysis.bootstrap import ratio_comparison
from ovis_jax.analysis.frame_matching import match_frames
from ovis_jax.analysis.occlusion_rows import (
    FRAME_LEVELS,
    OBJECT_GROUPS,
    ROW_LABELS,
    ROWS,
    chosen_frames,
    frame_levels,
)
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Column, Section, Table, percent
from ovis_jax.analysis.sums import add_up
from ovis_jax.analysis.switches import SwitchSums, tally_switches
from ovis_jax.formats.annotations import Annotations

_TITLE = "Switches and breaks of identities"

_TEXT = (
    "In each frame, objects are matched to tracks of any category at an IoU of 0.5, as CLEAR MOT "
    "does: first as many as can keep the track of the frame before, then those that overlap most. "
    "A switch is a frame in which an object is matched to another track than the last time, "
    "however long ago; a break is a frame in which it is matched again after it was visible and "
    "matched to nothing. Both belong to the occlusion of the frame in which they show. All tracks "
    "count, however low their scores."
)


class IdentitySwitches:
    """Switches and breaks of each object; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._videos: list[SwitchSums] = []

    def add(self, scene: Scene) -> None:
        """Looks at the next video."""
        matched = match_frames(scene.iou, scene.has_object, scene.has_track)
        levels = frame_levels(scene.levels)
        tally = tally_switches(matched, scene.has_object, levels, len(FRAME_LEVELS))
        self._videos.append(tally.sums(chosen_frames(scene.occlusion)))

    def sections(self) -> list[Section]:
        """A table by occlusion."""
        if not self._videos:
            return []
        values = _row_values(add_up(self._videos))
        counts = ("objects", "matched objects", "objects' frames", "matched frames", "switches")
        heads = [
            *map(Column, ("", *counts)),
            Column("switches per object", digits=2),
            Column("switches per 100 matched frames", digits=2),
            Column("breaks"),
            Column("breaks per object", digits=2),
            percent("matched objects without a switch"),
        ]
        rows = [[ROW_LABELS[row], *values[row].values()] for row in ROWS]
        tables = [Table("identity_switches", "Switches and breaks by occlusion", heads, rows)]
        return [Section("identity_switches", _TITLE, _TEXT, tables, values=values)]

    @classmethod
    def comparison(cls, systems: Mapping[str, Self], draws: np.ndarray) -> list[Section]:
        """Several systems side by side; see `Analysis`."""
        if not draws.size:
            return []
        rows = ("all", *OBJECT_GROUPS)
        places = [ROWS.index(row) for row in rows]
        counts = [
            [np.stack([own.steady, own.tracked], axis=-1)[places] for own in system._videos]
            for system in systems.values()
        ]
        tables, plots, values = ratio_comparison(
            "steady_objects",
            "Matched objects without a switch",
            rows,
            list(systems),
            np.array(counts),
            draws,
        )
        return [Section("identity_switches", _TITLE, "", tables, plots, values)]


def _row_values(sums: SwitchSums) -> dict[str, dict[str, int | float | None]]:
    """Of each of ROWS name → number, in the order of the table."""
    values = {}
    for place, row in enumerate(ROWS):
        objects, tracked, steady = (
            int(own[place]) for own in (sums.objects, sums.tracked, sums.steady)
        )
        switches, breaks = int(sums.switches[place]), int(sums.breaks[place])
        matched = int(sums.matched[place])
        values[row] = {
            "objects": objects,
            "matched_objects": tracked,
            "frames": int(sums.wanted[place]),
            "matched_frames": matched,
            "switches": switches,
            "switches_per_object": _ratio(switches, objects),
            "switches_per_100_matched_frames": _ratio(100 * switches, matched),
            "breaks": breaks,
            "breaks_per_object": _ratio(breaks, objects),
            "without_switch": _ratio(steady, tracked),
        }
    return values


def _ratio(count: int, total: int) -> float | None:
    return count / total if total else None
