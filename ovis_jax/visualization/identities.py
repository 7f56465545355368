"""Which predicted track shows which true object, so that both get one colour."""

from collections.abc import Sequence

import numpy as np

from ovis_jax.formats import rle

Segmentations = Sequence[dict | None]
_MIN_IOU = 0.1
_STEP = 4  # every fourth row and column decides


def shared_identities(truth: Sequence[Segmentations], tracks: Sequence[Segmentations]) -> list[int]:
    """Numbers tracks like the true objects that they cover best, one to one, best first.

    Args:
      truth: masks of each object in each frame.
      tracks: masks of each track in each frame, the surest track last.

    Returns:
      A number for each track: the object's index, or a number of its own from `len(truth)` on.
    """
    iou = spatio_temporal_iou(truth, tracks)
    identities = [-1] * len(tracks)
    while iou.size and iou.max() > _MIN_IOU:
        best, track = np.unravel_index(iou.argmax(), iou.shape)
        identities[track] = int(best)
        iou[best], iou[:, track] = 0, 0
    free = len(truth)
    for track in reversed(range(len(tracks))):
        if identities[track] < 0:
            identities[track], free = free, free + 1
    return identities


def spatio_temporal_iou(
    truth: Sequence[Segmentations], tracks: Sequence[Segmentations]
) -> np.ndarray:
    """[objects, tracks] overlap of mask tubes on a coarse grid; for drawing, not for scoring."""
    both = np.zeros((len(truth), len(tracks)))
    either = np.zeros_like(both)
    length = max((len(masks) for masks in [*truth, *tracks]), default=0)
    for frame in range(length):
        left = [_coarse(masks[frame]) for masks in truth]
        right = [_coarse(masks[frame]) for masks in tracks]
        for i, a in enumerate(left):
            for j, b in enumerate(right):
                shared = a @ b if a.size and b.size else 0.0
                both[i, j] += shared
                either[i, j] += a.sum() + b.sum() - shared
    return both / np.maximum(either, 1)


def _coarse(segmentation: dict | None) -> np.ndarray:
    """Flattened mask on the coarse grid, float32; empty where there is no mask."""
    if segmentation is None:
        return np.zeros(0, np.float32)
    return np.asarray(rle.decode(segmentation), np.float32)[::_STEP, ::_STEP].ravel()
