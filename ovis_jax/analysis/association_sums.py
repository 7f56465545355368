"""HOTA and IDF1 of the objects and tracks of a video, in sums that can be added up."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.analysis.hota import ALPHAS, HotaSums, score_hota, tally_hota
from ovis_jax.analysis.identity import IdentitySums, score_identity, tally_identity
from ovis_jax.analysis.occlusion_rows import FRAME_LEVELS, ROWS, chosen_frames, frame_levels
from ovis_jax.analysis.scenes import Scene


@dataclasses.dataclass(frozen=True)
class AssociationSums:
    """For each of ROWS; see `HotaSums` and `IdentitySums`."""

    hota: HotaSums
    identity: IdentitySums


def measure_association(scene: Scene, objects: np.ndarray, tracks: np.ndarray) -> AssociationSums:
    """Sums over a part of a video.

    Args:
      scene: the video.
      objects: [G] bool, which objects are to be found.
      tracks: [P] bool, which tracks may find them.
    """
    if not objects.any():  # many categories of a video have tracks alone
        return _surplus_alone(int(scene.has_track[:, tracks].sum()))
    part = (
        scene.iou[:, objects][:, :, tracks],
        scene.has_object[:, objects],
        scene.has_track[:, tracks],
        frame_levels(scene.levels[:, objects]),
        len(FRAME_LEVELS),
    )
    chosen = chosen_frames(scene.occlusion[objects])
    return AssociationSums(tally_hota(*part).sums(chosen), tally_identity(*part).sums(chosen))


def association_numbers(sums: AssociationSums) -> dict[str, np.ndarray]:
    """Name → number in [0, 1], of the shape of the sums; those of HOTA are means over thresholds.

    NaN without any frame of an object.
    """
    hota, identity = score_hota(sums.hota), score_identity(sums.identity)
    named = {
        "HOTA": hota.hota,
        "DetA": hota.deta,
        "AssA": hota.assa,
        "LocA": hota.loca,
        "DetRe": hota.detre,
        "DetPr": hota.detpr,
        "AssRe": hota.assre,
        "AssPr": hota.asspr,
        "OWTA": hota.owta,
    }
    numbers = {name: own.mean(axis=-1) for name, own in named.items()}
    numbers |= {"IDF1": identity.idf1, "IDP": identity.idp, "IDR": identity.idr}
    known = sums.identity.wanted > 0
    return {name: np.where(known, own, np.nan) for name, own in numbers.items()}


def _surplus_alone(frames: int) -> AssociationSums:
    """Sums of tracks with so many frames and of no object."""
    hota, identity = (len(ROWS), len(ALPHAS)), len(ROWS)
    return AssociationSums(
        HotaSums(
            **{field.name: np.zeros(hota) for field in dataclasses.fields(HotaSums)[:-1]},
            surplus=np.full(hota, float(frames)),
        ),
        IdentitySums(
            right=np.zeros(identity),
            wanted=np.zeros(identity),
            wrong=np.full(identity, float(frames)),
        ),
    )
