"""The identity oracle (Table 4 of the OVIS paper): AP if every mask were linked to the right track.

The rule is that of `ovis_jax.evaluation.oracles`; it needs the overlaps of single frames alone,
which a scene has, so no mask is looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ovis_jax.analysis.bootstrap import comparison_parts
from ovis_jax.analysis.scene_overlaps import (
    average_areas,
    instance_iou,
    match_overlaps,
    overlaps_by_category,
    scene_overlaps,
)
from ovis_jax.analysis.scenes import Scene, tube_iou
from ovis_jax.analysis.sections import Column, Section, Table, percent
from ovis_jax.evaluation.comparison import compare
from ovis_jax.evaluation.evaluator import Matching, score
from ovis_jax.evaluation.oracles import MIN_IOU, mask_owners, vote
from ovis_jax.evaluation.overlaps import Key, Overlaps
from ovis_jax.formats.annotations import Annotations

COLUMNS = ("AP", "AP50", "AP75", "AP_SO", "AP_MO", "AP_HO")
MAX_DRAWS = 200
"""Draws of the videos that the oracle is compared on."""

TEXT = f"""\
In every frame, each object takes the predicted mask with the highest IoU, from {MIN_IOU} on, among
those that fit no other object better. Its masks become one track, of the class with the highest
sum of scores among the tracks that they come from, with the mean of these scores. What is left of
these tracks is gone; tracks of which no object takes a mask stay. So errors of linking are taken
away, and missed objects, wrong classes, wrong masks and false positives stay.
"""


class IdentityOracle:
    """AP with true identities; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._annotations = annotations
        self._plain: dict[Key, Overlaps] = {}
        self._linked: dict[Key, Overlaps] = {}

    def add(self, scene: Scene) -> None:
        """Links the masks of a video."""
        self._plain |= scene_overlaps(scene)
        self._linked |= linked_overlaps(scene)

    def sections(self) -> list[Section]:
        """AP as it is, with true identities, and the difference."""
        pairs = [
            score(match_overlaps(self._annotations, own)).values
            for own in (self._plain, self._linked)
        ]
        plain, linked = ([_known(own[name]) for name in COLUMNS] for own in pairs)
        gains = [None if a is None else b - a for a, b in zip(plain, linked, strict=True)]
        heads = [Column("identities"), *map(percent, COLUMNS)]
        table = Table(
            "identity_oracle",
            "AP with true identities",
            heads,
            [["as predicted", *plain], ["true", *linked], ["difference, points", *gains]],
        )
        numbers = {
            "as_predicted": dict(zip(COLUMNS, plain, strict=True)),
            "true": dict(zip(COLUMNS, linked, strict=True)),
        }
        return [Section("identity_oracle", "Identity oracle", TEXT, [table], [], numbers)]

    @classmethod
    def comparison(cls, systems: Mapping[str, IdentityOracle], draws: np.ndarray) -> list[Section]:
        """AP with true identities of all systems, with intervals."""
        matchings = [own.matching() for own in systems.values()]
        parts = comparison_parts(
            "identity_oracle",
            "AP with true identities",
            list(systems),
            compare(matchings, num_samples=min(len(draws), MAX_DRAWS)),
        )
        return [Section("identity_oracle", "Identity oracle", TEXT, *parts)]

    def matching(self) -> Matching:
        """Of the linked tracks of all videos."""
        return match_overlaps(self._annotations, self._linked)


def linked_overlaps(scene: Scene) -> dict[Key, Overlaps]:
    """Overlaps of the tracks that `with_true_identities` gives for the video."""
    sources = true_links(scene)
    shown = np.flatnonzero((sources >= 0).any(axis=0))
    links = sources[:, shown]
    unused = np.setdiff1d(np.arange(len(scene.tracks)), sources)
    unused = unused[np.argsort(scene.entries[unused])]
    votes = [vote([scene.tracks[p] for p in own[own >= 0]]) for own in links.T]
    categories = np.array([c for c, _ in votes] + scene.track_categories[unused].tolist(), np.int64)
    scores = np.array([s for _, s in votes] + scene.scores[unused].tolist(), np.float64)
    areas = _joined(scene.track_areas[:, None], links, unused)[:, 0]
    iou = instance_iou(
        scene,
        tube_iou(_joined(scene.shared, links, unused), scene.object_areas, areas),
        tube_iou(_joined(scene.crowd_shared, links, unused), scene.crowd_areas, areas),
    )
    order = np.argsort(-scores, kind="stable")
    heads = (np.arange(len(order)), scores[order], average_areas(areas)[order])
    return overlaps_by_category(
        scene.video.id, categories[order], scene.instances, iou[:, order], heads
    )


def true_links(scene: Scene) -> np.ndarray:
    """[T, G] int, the track whose mask shows the object in the frame, or -1."""
    links = np.full(scene.object_areas.shape, -1)
    as_in_file = np.argsort(scene.entries)
    for frame in np.flatnonzero(scene.shared.any(axis=(1, 2))):
        for mask, owner in mask_owners(scene.iou[frame][:, as_in_file].T):
            links[frame, owner] = as_in_file[mask]
    return links


def _joined(values: np.ndarray, links: np.ndarray, unused: np.ndarray) -> np.ndarray:
    """[T, N, L + U], values [T, N, P] of linked tracks and of unused ones.

    Args:
      values: of every mask; 0 where there is none.
      links: [T, L] int, whose mask it is, or -1.
      unused: [U] int.
    """
    frames = np.arange(len(links))[:, None]
    padded = np.concatenate([values, np.zeros_like(values[..., :1])], axis=2)  # read at -1
    linked = np.moveaxis(np.moveaxis(padded, 2, 1)[frames, links], 1, 2)
    return np.concatenate([linked, values[..., unused]], axis=2)


def _known(value: float) -> float | None:
    return None if value < 0 else value
