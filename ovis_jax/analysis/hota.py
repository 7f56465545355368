"""HOTA: detection, association and localisation of tracks, each on its own and together.

Source: Luiten et al., "HOTA: a higher order metric for evaluating multi-object tracking", 2021.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.analysis.assignment import assign_frames

ALPHAS = np.arange(0.05, 0.99, 0.05)
"""IoU thresholds that are averaged over."""

_EPSILON = np.finfo(float).eps
_REQUIRED = ALPHAS - _EPSILON


@dataclasses.dataclass(frozen=True)
class HotaTally:
    """What HOTA sums up, for A thresholds, L occlusion levels and G objects of a video.

    Attributes:
      found: [A, L, G], frames of each object in which a track is matched to it.
      jaccard: [A, L, G], sum of the association scores of these matches: frames in which the same
        track is matched to the same object, over all frames of either.
      recall: [A, L, G], the same over the frames of the object.
      precision: [A, L, G], the same over the frames of the track.
      overlap: [A, L, G], sum of the IoU of these matches.
      wanted: [L, G] int, frames of each object.
      surplus: [A], frames of tracks that are matched to nothing.
    """

    found: np.ndarray
    jaccard: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    overlap: np.ndarray
    wanted: np.ndarray
    surplus: np.ndarray

    def sums(self, chosen: np.ndarray) -> HotaSums:
        """Sums over chosen frames of objects, for each of R choices.

        Args:
          chosen: [R, L, G] bool.
        """
        shape = len(chosen), len(ALPHAS)
        found, jaccard, recall, precision, overlap = (
            np.einsum("alg,rlg->ra", own, chosen)
            for own in (self.found, self.jaccard, self.recall, self.precision, self.overlap)
        )
        wanted = (chosen * self.wanted).sum(axis=(1, 2))[:, None]
        return HotaSums(
            found=found,
            jaccard=jaccard,
            recall=recall,
            precision=precision,
            overlap=overlap,
            wanted=np.broadcast_to(wanted, shape).astype(float),
            surplus=np.broadcast_to(self.surplus, shape).astype(float),
        )


@dataclasses.dataclass(frozen=True)
class HotaSums:
    """Sums from which the numbers follow, of any frames of any objects; they can be added up.

    All are [..., A] float64; see `HotaTally`.
    """

    found: np.ndarray
    jaccard: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    overlap: np.ndarray
    wanted: np.ndarray
    surplus: np.ndarray


@dataclasses.dataclass(frozen=True)
class HotaScores:
    """The numbers at each threshold, all [..., A]; their means over A are what is reported."""

    hota: np.ndarray
    deta: np.ndarray
    assa: np.ndarray
    loca: np.ndarray
    owta: np.ndarray
    detre: np.ndarray
    detpr: np.ndarray
    assre: np.ndarray
    asspr: np.ndarray


def tally_hota(
    iou: np.ndarray,
    has_object: np.ndarray,
    has_track: np.ndarray,
    levels: np.ndarray,
    num_levels: int,
) -> HotaTally:
    """Matches G objects and P tracks of one video in all T frames and counts.

    Objects and tracks are matched once, so that the sum of IoU times global alignment is largest;
    at each threshold those matches count that reach it.

    Args:
      iou: [T, G, P], 0 where one of the two has no mask.
      has_object: [T, G] bool.
      has_track: [T, P] bool.
      levels: [T, G] int in [0, num_levels), anything without an object.
      num_levels: L.
    """
    object_frames, track_frames = has_object.sum(axis=0), has_track.sum(axis=0)
    alignment = _global_alignment(iou, object_frames, track_frames)
    tracks = assign_frames(iou * alignment)
    counts, overlap = _count_pairs(iou, tracks, levels, num_levels)
    same = counts.sum(axis=1)  # [A, G, P], over all levels
    either = object_frames[:, None] + track_frames - same
    found = counts.sum(axis=3)
    wanted = [((levels == level) & has_object).sum(axis=0) for level in range(num_levels)]
    return HotaTally(
        found=found,
        jaccard=_weighted(counts, same / np.maximum(either, 1)),
        recall=_weighted(counts, same / np.maximum(object_frames[:, None], 1)),
        precision=_weighted(counts, same / np.maximum(track_frames, 1)),
        overlap=overlap,
        wanted=np.array(wanted),
        surplus=track_frames.sum() - found.sum(axis=(1, 2)),
    )


def score_hota(sums: HotaSums) -> HotaScores:
    """The numbers.

    Matches of frames that were not chosen count neither as right nor as wrong, and every frame of a
    track that is matched to nothing counts as wrong. Where nothing is matched the localisation is
    1, as in TrackEval.
    """
    matches = np.maximum(sums.found, 1)
    deta = sums.found / np.maximum(sums.wanted + sums.surplus, 1)
    detre = sums.found / np.maximum(sums.wanted, 1)
    assa = sums.jaccard / matches
    return HotaScores(
        hota=np.sqrt(deta * assa),
        deta=deta,
        assa=assa,
        loca=np.where(sums.found > 0, sums.overlap / matches, 1.0),
        owta=np.sqrt(detre * assa),
        detre=detre,
        detpr=sums.found / np.maximum(sums.found + sums.surplus, 1),
        assre=sums.recall / matches,
        asspr=sums.precision / matches,
    )


def _global_alignment(
    iou: np.ndarray, object_frames: np.ndarray, track_frames: np.ndarray
) -> np.ndarray:
    """[G, P], how well each track goes with each object over the whole video."""
    either = iou.sum(axis=1, keepdims=True) + iou.sum(axis=2, keepdims=True) - iou
    share = np.divide(iou, either, out=np.zeros_like(iou), where=either > _EPSILON)
    together = share.sum(axis=0)
    frames = object_frames[:, None] + track_frames - together
    return np.divide(together, frames, out=np.zeros_like(together), where=frames > 0)


def _count_pairs(
    iou: np.ndarray, tracks: np.ndarray, levels: np.ndarray, num_levels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Matches [A, L, G, P] and sums of their IoU [A, L, G].

    Args:
      iou: [T, G, P].
      tracks: [T, G], matched in each frame or -1.
      levels: [T, G].
      num_levels: L.
    """
    _, num_objects, num_tracks = iou.shape
    shape = (len(ALPHAS) + 1, num_levels, num_objects, num_tracks)
    if not iou.size:
        return np.zeros((len(ALPHAS), *shape[1:])), np.zeros((len(ALPHAS), *shape[1:3]))
    frames, objects = np.nonzero(tracks >= 0)
    own = tracks[frames, objects]
    reached = iou[frames, objects, own]
    thresholds = np.searchsorted(_REQUIRED, reached, side="right")  # how many are reached
    places = np.ravel_multi_index((thresholds, levels[frames, objects], objects, own), shape)
    size = int(np.prod(shape))
    counts, overlap = (
        _at_least(np.bincount(places, weights, size).reshape(shape)) for weights in (None, reached)
    )
    return counts, overlap.sum(axis=3)


def _at_least(histogram: np.ndarray) -> np.ndarray:
    """From numbers with exactly 0, 1, ..., A thresholds reached to numbers at each threshold."""
    return histogram[::-1].cumsum(axis=0)[::-1][1:]


def _weighted(counts: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """[A, L, G], sum over the tracks of counts [A, L, G, P] times scores [A, G, P]."""
    return np.einsum("algp,agp->alg", counts, scores)
