"""The rules of the evaluation, one pair of arrays after the other, as slowly as they read."""

import numpy as np

from ovis_jax.formats import rle

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS = ((0, 1e10), (0, 128**2), (128**2, 256**2), (256**2, 1e10))
OCCLUSIONS = ((0, 1), (0, 0.25), (0.25, 0.5), (0.5, 1))
LIMITS = (1, 10, 100)
LEVELS = {"no_occlusion": 0.0, "slight_occlusion": 0.25, "severe_occlusion": 0.75}


def precision_and_recall(annotations, tracks):
    """[thresholds, points, K, areas, occlusions, limits], and recall without the points."""
    ids = [category.id for category in annotations.categories]
    shape = (len(ids), len(AREAS), len(OCCLUSIONS), len(LIMITS))
    precision = -np.ones((len(THRESHOLDS), len(RECALLS), *shape))
    recall = -np.ones((len(THRESHOLDS), *shape))
    for t, k, a, o, m in np.ndindex(len(THRESHOLDS), *shape):
        curve = _curve(
            annotations, tracks, ids[k], THRESHOLDS[t], AREAS[a], OCCLUSIONS[o], LIMITS[m]
        )
        if curve is not None:
            precision[t, :, k, a, o, m], recall[t, k, a, o, m] = curve
    return precision, recall


def _curve(annotations, tracks, category, threshold, area, occlusion, limit):
    judged, positives = [], 0
    for video in sorted(video.id for video in annotations.videos):
        objects = [i for i in annotations.instances_of(video) if i.category_id == category]
        own = [t for t in tracks if (t.video_id, t.category_id) == (video, category)]
        ignore = [_ignored(i, area, occlusion) for i in objects]
        positives += ignore.count(False)
        judged += _judge(own, objects, ignore, threshold, area)[:limit]
    if not positives:
        return None
    right = wrong = 0
    curve = []
    for _, verdict in sorted(judged, key=lambda pair: -pair[0]):
        right += verdict == "right"
        wrong += verdict == "wrong"
        curve.append((right / positives, right / (right + wrong) if right + wrong else 0))
    points = [max((p for r, p in curve if r >= point), default=0) for point in RECALLS]
    return points, right / positives


def _judge(tracks, objects, ignore, threshold, area):
    """(score, verdict) of the tracks of one video by descending score."""
    taken, judged = set(), []
    for track in sorted(tracks, key=lambda track: -track.score)[:100]:
        ious = [_iou(track.segmentations, i.segmentations) for i in objects]
        able = [
            g
            for g, i in enumerate(objects)
            if ious[g] >= min(threshold, 1 - 1e-10) and (g not in taken or i.iscrowd)
        ]
        able = [g for g in able if not ignore[g]] or able
        if able:
            best = max(able, key=lambda g: (ious[g], g))
            taken.add(best)
            verdict = "ignored" if ignore[best] else "right"
        else:
            inside = area[0] <= _mean_area(track.segmentations) <= area[1]
            verdict = "wrong" if inside else "ignored"
        judged.append((track.score, verdict))
    return judged


def _ignored(instance, area, occlusion) -> bool:
    if instance.iscrowd:
        return True
    areas = [value for value in instance.areas if value]
    mean = sum(areas) / len(areas) if areas else 0
    levels = sorted(LEVELS[level] for level in instance.occlusion if level is not None)
    high = levels[len(levels) // 2 :]
    score = sum(high) / len(high)
    return not (area[0] <= mean <= area[1] and occlusion[0] <= score <= occlusion[1])


def _iou(track, truth) -> float:
    a, b = _masks(track), _masks(truth)
    union = (a | b).sum()
    return (a & b).sum() / union if union else 0


def _mean_area(segmentations) -> float:
    areas = [area for area in _masks(segmentations).sum((1, 2)).tolist() if area]
    return sum(areas) / len(areas) if areas else 0


_decoded = {}  # by id, with the object itself, whose id nothing else has while it lives


def _masks(segmentations) -> np.ndarray:
    if id(segmentations) not in _decoded:  # decoding thousands of times is most of the time
        if len(_decoded) > 2000:
            _decoded.clear()
        empty = np.zeros(segmentations.size, bool)
        frames = [segmentations[frame] for frame in range(len(segmentations))]
        masks = np.stack([empty if f is None else rle.decode(f).astype(bool) for f in frames])
        _decoded[id(segmentations)] = segmentations, masks
    return _decoded[id(segmentations)][1]
