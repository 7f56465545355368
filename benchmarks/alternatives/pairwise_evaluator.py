"""The way the official evaluator works, in plain Python: what ours is timed against.

Masks of every pair of a track and an object are merged frame by frame, matches are searched one
cell, threshold and track after the other. Nothing is checked. The numbers are the official ones.
"""

from __future__ import annotations

import json
import pathlib
import time
from collections import defaultdict

import numpy as np
from pycocotools import mask as coco

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
LIMITS = (1, 10, 100)
AREAS = ((0, 1e10), (0, 128**2), (128**2, 256**2), (256**2, 1e10))
OCCLUSIONS = ((0, 1), (0, 0.25), (0.25, 0.5), (0.5, 1))
_LEVELS = {"no_occlusion": 0.0, "slight_occlusion": 0.25, "severe_occlusion": 0.75}


def evaluate(gt_path: pathlib.Path, results_path: pathlib.Path) -> tuple[dict, dict]:
    """AP and AP of the occlusion groups; and the seconds that each phase took."""
    clock = [time.perf_counter()]

    def lap() -> float:
        clock.append(time.perf_counter())
        return clock[-1] - clock[-2]

    gt, results = _load(gt_path, results_path)
    seconds = {"load": lap()}
    truth_of, tracks_of = _grouped(gt, results)
    groups = truth_of.keys() | tracks_of.keys()
    ious = {key: _ious(tracks_of[key], truth_of[key]) for key in groups}
    seconds["IoU"] = lap()
    precision = _precision(gt, truth_of, tracks_of, ious)
    seconds["match and accumulate"] = lap()
    names = ("AP", "AP_SO", "AP_MO", "AP_HO")
    return {name: _mean(precision[..., 0, i, -1]) for i, name in enumerate(names)}, seconds


def _load(gt_path: pathlib.Path, results_path: pathlib.Path) -> tuple[dict, list]:
    gt, results = (json.loads(pathlib.Path(path).read_text()) for path in (gt_path, results_path))
    for track in results:
        masks = track["segmentations"]
        track["areas"] = [int(coco.area(mask)) if mask else 0 for mask in masks]
        track["bboxes"] = [coco.toBbox(mask) if mask else None for mask in masks]
        track["average_area"] = _average_area(track["areas"])
    for instance in gt["annotations"]:
        instance["average_area"] = _average_area(instance["areas"])
        levels = sorted(_LEVELS[level] for level in instance["occlusion"] if level)
        instance["score"] = np.mean(levels[len(levels) // 2 :])
    return gt, results


def _average_area(areas: list) -> float:
    visible = [area for area in areas if area]
    return float(np.mean(visible)) if visible else 0.0


def _grouped(gt: dict, results: list) -> tuple[dict, dict]:
    truth_of, tracks_of = defaultdict(list), defaultdict(list)
    for instance in gt["annotations"]:
        truth_of[instance["video_id"], instance["category_id"]].append(instance)
    for track in results:
        tracks_of[track["video_id"], track["category_id"]].append(track)
    for tracks in tracks_of.values():
        tracks.sort(key=lambda track: -track["score"])
        del tracks[LIMITS[-1] :]
    return truth_of, tracks_of


def _ious(tracks: list, truth: list) -> np.ndarray:
    pairs = ((_iou(track["segmentations"], i["segmentations"]) for i in truth) for track in tracks)
    return np.array([list(row) for row in pairs]).reshape(len(tracks), len(truth))


def _iou(track: list, truth: list) -> float:
    shared = union = 0.0
    for a, b in zip(track, truth, strict=True):
        if a and b:
            shared += coco.area(coco.merge([a, b], True))
            union += coco.area(coco.merge([a, b], False))
        elif a or b:
            union += coco.area(a or b)
    return shared / union if union else 0.0


def _precision(gt: dict, truth_of: dict, tracks_of: dict, ious: dict) -> np.ndarray:
    """[thresholds, recalls, K, areas, occlusions, limits]."""
    categories = sorted(category["id"] for category in gt["categories"])
    videos = sorted(video["id"] for video in gt["videos"])
    precision = -np.ones(
        (len(THRESHOLDS), len(RECALLS), len(categories), len(AREAS), len(OCCLUSIONS), len(LIMITS))
    )
    for k, category in enumerate(categories):
        for a, area in enumerate(AREAS):
            for o, occlusion in enumerate(OCCLUSIONS):
                matched = [
                    _match(tracks_of[key], truth_of[key], ious[key], area, occlusion)
                    for key in ((video, category) for video in videos)
                    if key in ious
                ]
                for m, limit in enumerate(LIMITS):
                    curve = _accumulate(matched, limit)
                    if curve is not None:
                        precision[:, :, k, a, o, m] = curve
    return precision


def _match(tracks: list, truth: list, iou: np.ndarray, area: tuple, occlusion: tuple) -> tuple:
    """Scores [D], which tracks are matched and ignored [thresholds, D], and the positives."""
    ignore = [
        bool(
            i["iscrowd"]
            or not area[0] <= i["average_area"] <= area[1]
            or not occlusion[0] <= i["score"] <= occlusion[1]
        )
        for i in truth
    ]
    order = sorted(range(len(truth)), key=lambda g: ignore[g])
    found = np.zeros((len(THRESHOLDS), len(tracks)), bool)
    ignored = np.zeros((len(THRESHOLDS), len(tracks)), bool)
    for t, threshold in enumerate(THRESHOLDS):
        taken = set()
        for d, track in enumerate(tracks):
            best, at = min(threshold, 1 - 1e-10), -1
            for g in order:
                if g in taken and not truth[g]["iscrowd"]:
                    continue
                if at >= 0 and not ignore[at] and ignore[g]:
                    break
                if iou[d, g] >= best:
                    best, at = iou[d, g], g
            if at >= 0:
                taken.add(at)
                found[t, d], ignored[t, d] = True, ignore[at]
            else:
                ignored[t, d] = not area[0] <= track["average_area"] <= area[1]
    return np.array([track["score"] for track in tracks]), found, ignored, ignore.count(False)


def _accumulate(matched: list, limit: int) -> np.ndarray | None:
    """Precision [thresholds, recalls], or None without positives."""
    positives = sum(number for *_, number in matched)
    if not positives:
        return None
    order = np.argsort(-np.concatenate([s[:limit] for s, *_ in matched]), kind="stable")
    found = np.concatenate([f[:, :limit] for _, f, *_ in matched], axis=1)[:, order]
    ignored = np.concatenate([i[:, :limit] for *_, i, _ in matched], axis=1)[:, order]
    right = np.cumsum(found & ~ignored, axis=1).astype(float)
    wrong = np.cumsum(~found & ~ignored, axis=1).astype(float)
    curves = np.zeros((len(THRESHOLDS), len(RECALLS)))
    for t, (tp, fp) in enumerate(zip(right, wrong, strict=True)):
        precision = (tp / (tp + fp + np.spacing(1))).tolist()
        for i in range(len(precision) - 1, 0, -1):
            precision[i - 1] = max(precision[i - 1], precision[i])
        for r, place in enumerate(np.searchsorted(tp / positives, RECALLS, side="left")):
            if place < len(precision):
                curves[t, r] = precision[place]
    return curves


def _mean(values: np.ndarray) -> float:
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0
