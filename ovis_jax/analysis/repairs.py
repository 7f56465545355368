"""Results as they would count if one kind of error were repaired, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import numpy as np

from ovis_jax.analysis.error_kinds import BACKGROUND, DUPLICATE, KINDS, ErrorKinds
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.verdicts import LEFT_OUT, RIGHT, Judged, Verdicts, verdicts

REMOVED = (DUPLICATE, BACKGROUND)
"""Kinds of tracks that show nothing that is still to be found."""


@dataclasses.dataclass(frozen=True)
class Repair:
    """What is repaired.

    Attributes:
      name: of the repair.
      kinds: of wrong tracks: indices in KINDS. Duplicates and background go. The others are given
        the class, the masks or both of their object; the surest one finds it if nothing else has,
        and the rest go.
      drops_wrong: wrong tracks go, whatever their kind.
      missed: which objects need not be found any more: "none"; "unseen", those that nothing found
        and no wrong track should have shown; or "all" that nothing found.
    """

    name: str
    kinds: Collection[int] = ()
    drops_wrong: bool = False
    missed: str = "none"


SINGLE = (
    *(Repair(name, (number,)) for number, name in enumerate(KINDS)),
    Repair("missed", missed="unseen"),
)
"""One kind of error at a time."""

TOTALS = (
    Repair("wrong_tracks", drops_wrong=True),
    Repair("objects_not_found", missed="all"),
    Repair("everything", tuple(range(len(KINDS))), missed="unseen"),
)
"""All tracks that are matched to nothing, all objects that nothing is matched to, all of SINGLE."""


def repaired(scene: Scene, judged: Judged, errors: ErrorKinds, repair: Repair) -> Verdicts:
    """What counts of a video after a repair."""
    own = verdicts(scene, judged)
    states = own.states.copy()
    if repair.drops_wrong:
        states[judged.wrong] = LEFT_OUT
    categories = own.categories
    if repair.kinds:
        categories = np.broadcast_to(categories, states.shape).copy()
        _mend(repair.kinds, judged, errors, states, categories, own.object_categories)
    wanted = own.wanted
    if repair.missed == "all":
        wanted = wanted & judged.found
    elif repair.missed == "unseen":
        wanted = wanted & ~missed(judged, errors)
    return dataclasses.replace(own, states=states, categories=categories, wanted=wanted)


def missed(judged: Judged, errors: ErrorKinds) -> np.ndarray:
    """[L, H, G] bool: nothing found the object, and no wrong track should have shown it."""
    shown = np.zeros(judged.found.shape, bool)
    levels, thresholds, tracks = np.nonzero(judged.wrong & (errors.targets >= 0))
    shown[levels, thresholds, errors.targets[thresholds, tracks]] = True
    return ~judged.found & ~shown


def _mend(
    kinds: Collection[int],
    judged: Judged,
    errors: ErrorKinds,
    states: np.ndarray,
    categories: np.ndarray,
    object_categories: np.ndarray,
) -> None:
    """Changes states and categories [L, H, P] in place."""
    chosen = judged.wrong & np.isin(errors.kinds, list(kinds))
    states[chosen] = LEFT_OUT
    free = ~judged.found
    thresholds = np.arange(free.shape[1])
    mendable = chosen & (errors.targets >= 0)
    for track in np.flatnonzero(mendable.any(axis=(0, 1))):
        target = np.maximum(errors.targets[:, track], 0)
        finds = mendable[..., track] & free[:, thresholds, target]
        free[:, thresholds, target] &= ~finds
        counts = finds & judged.wanted[:, target]
        states[..., track][counts] = RIGHT
        categories[..., track] = np.where(counts, object_categories[target], categories[..., track])
