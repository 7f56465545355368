"""The tracking of QueryVIS one query after the other, in float64 and without JAX.

Nobody published it: this states the reading of docs/queryvis.md a second time.
"""

import numpy as np
from ops.naive import naive_roi_align

STRIDES, SIZE, EPSILON = (4, 8, 16, 32), 7, 1e-5
SCORE, OVERLAP, LABEL = 1.0, 2.0, 10.0  # weights of the cues
WORST_CLAIM = -100.0


def detections(logits, boxes, scale, threshold, capacity):
    """(query, label, score, box in original pixels) of a frame, the best first."""
    found = []
    for query, (own, box) in enumerate(zip(np.float64(logits), np.float64(boxes), strict=True)):
        label = int(np.argmax(own))
        score = 1 / (1 + np.exp(-own[label]))
        if score >= threshold:
            found.append((query, label, score, box / np.tile(scale, 2)))
    return sorted(found, key=lambda x: (-x[2], x[0]))[:capacity]


def roi_features(pyramid, box):
    """[SIZE, SIZE, C] of a box in resized pixels, on its own level."""
    x1, y1, x2, y2 = np.float64(box)
    side = np.sqrt((x2 - x1) * (y2 - y1))
    level = int(np.clip(np.floor(np.log2(side / 56 + 1e-6)), 0, len(STRIDES) - 1))
    return naive_roi_align(np.float64(pyramid[level]), STRIDES[level], np.float64(box), SIZE, False)


def dense(params, name, x):
    return x @ np.float64(params[name]["kernel"]) + np.float64(params[name]["bias"])


def layer_norm(params, name, x):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    scale, bias = (np.float64(params[name][k]) for k in ("scale", "bias"))
    return (x - mean) / np.sqrt(var + EPSILON) * scale + bias


def embedding(kind, params, pyramid, box, features, attended):
    """Of one query with its final box in resized pixels."""
    x = np.float64(features)
    if kind != "query":
        x = roi_features(pyramid, box)
    if kind == "dynamic":
        own = params["interaction"]
        first, second = np.split(dense(own, "kernels", np.float64(attended)), 2)
        channels = x.shape[-1]
        x = np.maximum(layer_norm(own, "norm_in", x @ first.reshape(channels, -1)), 0)
        x = np.maximum(layer_norm(own, "norm_out", x @ second.reshape(-1, channels)), 0)
    return dense(params, "fc1", np.maximum(dense(params, "fc0", x.reshape(-1)), 0))


def iou(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    overlap = np.prod(np.maximum(high - low, 0))
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - overlap
    return overlap / union


class NaiveTracking:
    """Memory of a video: boxes, labels and embeddings of its objects."""

    def __init__(self):
        self.boxes, self.labels, self.embeddings = [], [], []

    def totals(self, label, score, box, own):
        """For "new" and each object."""
        logits = np.array([0.0, *(own @ other for other in self.embeddings)])
        total = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        total += SCORE * np.log(score)
        total[0] += LABEL
        for k, (other, known) in enumerate(zip(self.boxes, self.labels, strict=True), start=1):
            total[k] += OVERLAP * iou(box, other) + LABEL * (label == known)
        return total

    def step(self, found, embeddings):
        """Identities of the detections of a frame, -1 for those that lost, and who holds each."""
        totals = [
            self.totals(label, score, box, own)
            for (_, label, score, box), own in zip(found, embeddings, strict=True)
        ]
        ids, best, holders = [], {}, {}
        for slot, ((_, label, _, box), own, total) in enumerate(
            zip(found, embeddings, totals, strict=True)
        ):
            column = int(np.argmax(total))
            if column == 0:
                ids.append(len(self.boxes))
                self.boxes.append(box)
                self.labels.append(label)
                self.embeddings.append(own)
            elif total[column] > best.get(column, WORST_CLAIM):
                best[column] = total[column]
                ids.append(column - 1)
                self.boxes[column - 1], self.embeddings[column - 1] = box, own
            else:
                ids.append(-1)
            if ids[-1] >= 0:
                holders[ids[-1]] = slot
        return ids, holders
