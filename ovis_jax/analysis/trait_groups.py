"""Average precision by how long, large, crowded and fast objects are."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from ovis_jax.analysis.group_precision import score_groups
from ovis_jax.analysis.object_traits import TRAITS, object_traits
from ovis_jax.analysis.quantile_groups import quantile_groups
from ovis_jax.analysis.scene_overlaps import scene_overlaps
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Axis, Bars, Column, Section, Table, percent
from ovis_jax.evaluation.objects import objects_by_category
from ovis_jax.evaluation.overlaps import Overlaps
from ovis_jax.formats.annotations import Annotations

_TITLE = "AP by track length, size, crowding and speed"
_UNITS = {
    "length": "frames with a mask",
    "size": "average pixels",
    "crowding": "mean box occlusion rate",
    "speed": "own sizes per frame",
}

_TEXT = (
    "Objects are cut into quarters by each trait, so that groups are about equally large; equal "
    "values are never parted. For the AP of a group, other objects are ignored: a track matched to "
    "one is neither right nor wrong. A track matched to nothing is wrong in every group, so that "
    "the AP of a group is lower than that of a data set with these objects alone, and groups "
    "should be compared with one another. AR is the recall with the 100 surest tracks of each "
    "video and category.\n\n"
    "Length: frames with a mask. Size: average area over these. Crowding: mean over these of the "
    "frame's box occlusion rate. Speed: mean way of the centre of the box from one frame to the "
    "next, over the square root of the mean area of its two boxes."
)


class TraitGroups:
    """AP and AR of quarters of the objects; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._annotations = annotations
        self._overlaps: dict[int, list[tuple[int, Overlaps]]] = defaultdict(list)

    def add(self, scene: Scene) -> None:
        """Looks at the next video."""
        for (category, video), own in scene_overlaps(scene).items():
            self._overlaps[category].append((video, own))

    def sections(self) -> list[Section]:
        """A table, and bars for each trait."""
        groups, found = self._scores()
        heads = [
            *(Column(name) for name in ("group", "values", "objects")),
            percent("AP"),
            percent("AR"),
        ]
        rows = [
            [own.label, own.values, *numbers.values()]
            for own, numbers in zip(groups, found, strict=True)
        ]
        values = [
            {"trait": own.trait, "from": own.lowest, "to": own.highest, **numbers}
            for own, numbers in zip(groups, found, strict=True)
        ]
        return [
            Section(
                name="trait_groups",
                title=_TITLE,
                text=_TEXT,
                tables=[Table("trait_groups", _TITLE, heads, rows)],
                plots=_bars(groups, {"AP": [own["AP"] for own in found]}),
                values={"groups": values},
            )
        ]

    @classmethod
    def comparison(cls, systems: Mapping[str, Self], draws: np.ndarray) -> list[Section]:
        """Several systems side by side, without intervals; see `Analysis`."""
        scored = {name: system._scores() for name, system in systems.items()}
        groups = next(iter(scored.values()))[0]
        ap = {name: [own["AP"] for own in found] for name, (_, found) in scored.items()}
        heads = [
            *(Column(name) for name in ("group", "values")),
            *map(percent, systems),
        ]
        rows = [
            [own.label, own.values, *numbers]
            for own, *numbers in zip(groups, *ap.values(), strict=True)
        ]
        tables = [Table("trait_groups", "AP of groups of objects", heads, rows)]
        values = {"groups": [[own.label, own.values] for own in groups], "AP": ap}
        return [Section("trait_groups", _TITLE, "", tables, _bars(groups, ap), values)]

    def _scores(self) -> tuple[list[_Group], list[dict[str, float | int | None]]]:
        """The groups and their numbers."""
        groups = _groups(self._annotations)
        members = defaultdict(lambda: np.zeros(len(groups), bool))
        for number, group in enumerate(groups):
            for identity in group.members:
                members[identity][number] = True
        objects = objects_by_category(self._annotations, occlusion_levels=1)
        overlaps = {
            key: sorted(own, key=lambda video: video[0]) for key, own in self._overlaps.items()
        }
        scores = score_groups(objects, overlaps, members)
        found = zip(scores.objects.tolist(), scores.ap.tolist(), scores.ar.tolist(), strict=True)
        return groups, [{"objects": n, "AP": _known(ap), "AR": _known(ar)} for n, ap, ar in found]


@dataclasses.dataclass(frozen=True)
class _Group:
    """Objects with similar values of a trait.

    Attributes:
      trait: one of TRAITS.
      label: what it is called.
      lowest: value in the group; likewise `highest`.
      highest: see `lowest`.
      members: ids of the objects.
    """

    trait: str
    label: str
    lowest: float
    highest: float
    members: tuple[int | str, ...]

    @property
    def values(self) -> str:
        """The smallest and the largest value, as text."""
        return " to ".join(_short(value) for value in (self.lowest, self.highest))


def _groups(annotations: Annotations) -> list[_Group]:
    """The groups of all traits."""
    traits = object_traits(annotations)
    identities, values = list(traits), np.array(list(traits.values())).reshape(-1, len(TRAITS))
    groups = []
    for trait, own in zip(TRAITS, values.T, strict=True):
        quarters = quantile_groups(own)
        number = len(quarters.lowest)
        for k in range(number):
            members = tuple(identities[place] for place in np.flatnonzero(quarters.members[:, k]))
            ends = float(quarters.lowest[k]), float(quarters.highest[k])
            label = f"{trait} ({_UNITS[trait]}), {k + 1} of {number}"
            groups.append(_Group(trait, label, *ends, members))
    return groups


def _bars(groups: Sequence[_Group], series: Mapping[str, Sequence[float | None]]) -> list[Bars]:
    """For each trait the bars of its groups."""
    plots = []
    for trait in TRAITS:
        places = [place for place, own in enumerate(groups) if own.trait == trait]
        if places:
            names = [groups[place].values for place in places]
            own = {name: [values[p] for p in places] for name, values in series.items()}
            plots.append(Bars(f"AP by {trait}, {_UNITS[trait]}", Axis("AP", "%"), names, own))
    return plots


def _short(value: float) -> str:
    """Three digits, or all of a whole number above."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
