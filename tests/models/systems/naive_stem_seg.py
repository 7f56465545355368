"""STEm-Seg's prediction in the order of the published code, clip by clip, in numpy."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from ovis_jax.ops.resize import bilinear_weights


def clips_of(length, num_frames, overlap):
    """Frames of each clip."""
    if length <= num_frames:
        return [[0] * (num_frames - length) + list(range(length))]
    starts = list(range(0, length - num_frames, num_frames - overlap)) + [length - num_frames]
    return [list(range(start, start + num_frames)) for start in starts]


def enlarged(maps, factor):
    """[..., h, w] enlarged between cell centres."""
    rows, columns = (bilinear_weights(side, factor * side) for side in maps.shape[-2:])
    return np.einsum("ih,jw,...hw->...ij", rows, columns, maps)


def predict(said, clips, length, cluster, factor):
    """Identities and class logits of all pixels.

    Args:
      said: of the clips: embeddings [T, h, w, E], bandwidths, seediness [T, h, w], class logits
        [T, h, w, K] and foreground logits [T, h, w].
      clips: frames of each.
      length: of the video.
      cluster: embeddings [N, E], bandwidths, seediness and foreground [N] to labels from 0 on.
      factor: all maps are enlarged by it first.

    Returns:
      [T, H, W] int, and [T, H, W, K].
    """
    said = [[enlarged(np.moveaxis(x, -1, 0) if x.ndim > 3 else x, factor) for x in y] for y in said]
    shows = [(c, i, t) for c, frames in enumerate(clips) for i, t in enumerate(frames)]

    def mean(place, t):
        return np.mean([said[c][place][..., i, :, :] for c, i, own in shows if own == t], axis=0)

    classes = np.stack([np.moveaxis(mean(3, t), 0, -1) for t in range(length)])
    foreground = np.stack([mean(4, t) for t in range(length)]) > 0
    final, highest = np.zeros(foreground.shape, int), 0
    for c, frames in enumerate(clips):
        last = {t: i for i, t in enumerate(frames)}
        inside = [(t, *place) for t in last for place in np.argwhere(foreground[t])]
        at = [(last[t], y, x) for t, y, x in inside]
        e, b = (np.array([own[:, i, y, x] for i, y, x in at]) for own in said[c][:2])
        s = np.array([said[c][2][i, y, x] for i, y, x in at])
        labels = np.zeros((length, *foreground.shape[1:]), int)
        if at:
            own = cluster(e, b, s, np.ones(len(at), bool))
            for place, label in zip(inside, own, strict=True):
                labels[place] = label + highest + 1 if label >= 0 else -1
        old = set(clips[c - 1]) & set(frames) if c else set()
        labels = continued(final, labels, sorted(old))
        for t in set(frames) - {t for own in clips[:c] for t in own}:
            final[t] = labels[t]
        highest = max(highest, final.max())
    return np.maximum(final, 0), classes


def continued(final, labels, shared):
    """Labels of a clip, in which those that are assigned to an identity have its number."""
    old, new = final[shared], labels[shared]
    ids, numbers = np.unique(old[old > 0]), np.unique(new[new > 0])
    table = np.zeros((len(ids), len(numbers)))
    for (i, j), _ in np.ndenumerate(table):
        a, b = old == ids[i], new == numbers[j]
        table[i, j] = 1 - (a & b).sum() / (a | b).sum()
    out = labels.copy()
    for i, j in zip(*linear_sum_assignment(table), strict=True):
        out[labels == numbers[j]] = ids[i]
    return out
