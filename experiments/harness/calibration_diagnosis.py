"""Why calibration helps, or does not.

Do its offsets follow the motion of objects? Do features of an occluded object come nearer to what
the object looks like where nothing hides it?
"""

from __future__ import annotations

import numpy as np

from experiments.harness.calibration_probe import REACH, SHARPNESS, Probed, probed
from experiments.harness.differences import DRAWS
from experiments.harness.experiment import Findings, Outcome
from experiments.harness.over_seeds import DRAWN, same_seeds, seed_draws
from ovis_jax.analysis.bootstrap import ratio_comparison
from ovis_jax.analysis.sections import Column, Table
from ovis_jax.evaluation.comparison import video_draws

LEVELS = ("no", "slight", "severe")
SHARES = ("followed motion", "known motion", "known at each position")
KINDS = ("query", "calibrated", "aligned")  # fields of `Probed`
ALIGNED = "aligned by truth"

OFFSETS_NOTE = (
    f"Objects in frames beside each frame up to {REACH} away; the finest level, resized pixels. "
    "Length: mean over taps and visible cells. Followed motion: 100 % if the mean offset is the "
    "motion of the object (middle of the whole object, where the data have it), 0 if it has "
    "nothing to do with it (least squares). Missed: mean distance of the mean offset to the "
    "motion. Known motion: the same share of the displacement at which features of the object, in "
    "the mean, correlate most with those of the reference frame. Known at each position: of the "
    "displacement that every cell expects by its own correlations (softmax, sharpness "
    f"{SHARPNESS:g}), in the mean."
)
ADDED = ("length", "along the reference", "along the query", "the same for all objects")
ADDED_NOTE = (
    "Mean features of objects at the finest level. Length: of what is added, over that of the "
    "feature. Along: cosine of the angle between what is added and the feature of the same object "
    "in the reference frames (100 % if calibration adds just that), or the feature as it is. The "
    "same for all objects: length of the mean of what is added, over its mean length; 100 % if "
    "it depends on nothing. Of several seeds it is the mean over these."
)
LANDINGS = ("itself", "another object", "neither")
LANDINGS_NOTE = (
    "Cells that an object shows in a frame, at the finest level: share whose mean offset points to "
    "the same object in a reference frame up to "
    f"{REACH} away, to another one, to neither; and where its true motion leads these cells."
)
_TINY = 1e-9
FEATURES_NOTE = (
    "Distance: of the mean feature of an occluded object to that of the same object in its frames "
    "without occlusion, over the mean distance to those of the others in its video; below 100 % it "
    "is nearer to itself. Own class: share of objects in frames that are nearest to the mean "
    "feature of their own class without occlusion, in other videos. Aligned by truth: mean of the "
    "feature and of those of the same object in reference frames where it is visible; its "
    "distances are small by construction, since these frames are among those without occlusion."
)


def calibration_diagnosis(outcome: Outcome) -> Findings:
    """Offsets by occlusion level, and features before and after calibration, of all rows."""
    offsets, landed, added, tables, values = [], [], [], [], {}
    same_seeds(outcome.rows)
    for number, (label, runs) in enumerate(outcome.rows.items()):
        found = [probed(run.folder, run.config["data"]["eval_annotations"]) for run in runs]
        offsets += [[f"{label}, {level}", *own] for level, own in offset_rows(found).items()]
        landed += [[f"{label}, {level}", *own] for level, own in landing_rows(found).items()]
        added += [[f"{label}, {level}", *own] for level, own in added_rows(found).items()]
        videos = len(runs[0].annotations.videos)
        table, numbers = _feature_table(f"features_{number}", label, found, videos)
        tables += table
        values[label] = {
            "offsets": offset_rows(found),
            "landings": landing_rows(found),
            "added": added_rows(found),
            "features": numbers,
        }
    columns = [Column("calibration, occlusion"), Column("objects")]
    columns += [Column(f"{way} {head}", "%", 1) for way in ("to", "moved to") for head in LANDINGS]
    pointed = Table("landings", "What offsets point to", columns, landed, LANDINGS_NOTE)
    heads = ("objects", "length", "motion", "missed")
    columns = [Column("calibration, occlusion"), Column(heads[0])]
    columns += [Column(head, "pixels", 1) for head in heads[1:]]
    columns += [Column(head, "%", 1) for head in SHARES]
    first = Table("offsets", "Offsets of the calibration", columns, offsets, OFFSETS_NOTE)
    heads = [Column(head, "%", 1) for head in ADDED]
    columns = [Column("calibration, occlusion"), Column("objects"), *heads]
    second = Table("added", "What calibration adds to features", columns, added, ADDED_NOTE)
    return Findings([first, pointed, second, *tables], values={"diagnosis": values})


def offset_rows(found: list[Probed]) -> dict[str, list]:
    """By occlusion level: pairs, mean length, motion and miss; the shares of `SHARES`."""
    rows = {}
    for number, level in enumerate(LEVELS):
        chosen = [
            (own.levels[own.objects] == number) & np.isfinite(own.motions).all(axis=1)
            for own in found
        ]
        lengths, motions, offsets, peaks, expected = (
            np.concatenate([getattr(own, name)[k] for own, k in zip(found, chosen, strict=True)])
            for name in ("lengths", "motions", "offsets", "peaks", "expected")
        )
        if not len(lengths):
            rows[level] = [0, *[None] * (3 + len(SHARES))]
            continue
        power = float(np.sum(motions**2))
        rows[level] = [
            len(lengths),
            float(lengths.mean()),
            float(np.hypot(*motions.T).mean()),
            float(np.hypot(*(offsets - motions).T).mean()),
            *(
                float(np.sum(own * motions)) / power if power else None
                for own in (offsets, peaks, expected)
            ),
        ]
    return rows


def landing_rows(found: list[Probed]) -> dict[str, list]:
    """By occlusion level: pairs, and shares of `LANDINGS` by the offsets and by true motion."""
    rows = {}
    for number, level in enumerate(LEVELS):
        chosen = [
            (own.levels[own.objects] == number) & np.isfinite(own.moved).all(axis=1)
            for own in found
        ]
        shares = [
            np.concatenate([getattr(own, name)[k] for own, k in zip(found, chosen, strict=True)])
            for name in ("landings", "moved")
        ]
        count = len(shares[0])
        means = (
            np.concatenate([own.mean(axis=0) for own in shares]).tolist() if count else [None] * 6
        )
        rows[level] = [count, *means]
    return rows


def added_rows(found: list[Probed]) -> dict[str, list]:
    """By occlusion level: objects in frames, and the shares of `ADDED`; None of no object."""
    rows = {}
    for number, level in enumerate(LEVELS):
        query, calibrated, aligned = (
            np.concatenate([getattr(own, kind)[own.levels == number] for own in found])
            for kind in KINDS
        )
        if not len(query):
            rows[level] = [0, *[None] * len(ADDED)]
            continue
        added = calibrated - query
        rows[level] = [
            len(query),
            float(np.mean(_length(added) / np.maximum(_length(query), _TINY))),
            _cosine(added, 2 * aligned - query),
            _cosine(added, query),
            float(
                np.mean([_constant(own, number) for own in found if (own.levels == number).any()])
            ),
        ]
    return rows


def _constant(found: Probed, level: int) -> float:
    """Which share of what one model adds to objects of a level is the same for all of them."""
    added = (found.calibrated - found.query)[found.levels == level]
    return float(_length(added.mean(axis=0)) / max(_length(added).mean(), _TINY))


def _length(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x, axis=-1)


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Mean cosine of the angle between rows; 0 of a row without length."""
    return float(np.mean(np.sum(a * b, axis=1) / np.maximum(_length(a) * _length(b), _TINY)))


def _feature_table(name: str, label: str, found: list[Probed], videos: int):
    """The tables of one row; both kinds of features on the same draws of videos and seeds."""
    counts = np.stack(
        [np.stack([feature_counts(own, kind, videos) for own in found]) for kind in KINDS]
    )
    seeds = len(found)
    draws = video_draws(videos, DRAWS)[:, None, :] * seed_draws(seeds)[:, :, None]
    tables, _, numbers = ratio_comparison(
        name,
        f"{label}: features of objects before and after calibration",
        [f"distance, {level}" for level in LEVELS] + [f"own class, {level}" for level in LEVELS],
        (*KINDS[:2], ALIGNED),
        counts.reshape(len(KINDS), seeds * videos, *counts.shape[3:]),
        draws.reshape(DRAWS, -1),
        f"{DRAWN}. {FEATURES_NOTE[:-1]}",
    )
    return tables, numbers


def feature_counts(found: Probed, kind: str, videos: int) -> np.ndarray:
    """Sums [videos, 6, 2] of distances and of right classes by level, and how many they are of."""
    features = getattr(found, kind)
    kinds = distances(found, features), right_classes(found, features)
    counts = np.zeros((videos, 2, len(LEVELS), 2))
    for k, values in enumerate(kinds):
        known = np.isfinite(values)
        place = (found.videos[known], k, found.levels[known])
        np.add.at(counts, (*place, 0), values[known])
        np.add.at(counts, (*place, 1), 1)
    return counts.reshape(videos, -1, 2)


def distances(found: Probed, features: np.ndarray) -> np.ndarray:
    """[O] distance to the own unoccluded mean, over the mean distance to the others' of the video.

    The frame itself is left out of its own mean. NaN where there is nothing to compare with.
    """
    clear = found.levels == 0
    count = int(found.tracks.max(initial=-1)) + 1
    sums, sizes = np.zeros((count, features.shape[1])), np.zeros(count)
    np.add.at(sums, found.tracks[clear], features[clear])
    np.add.at(sizes, found.tracks[clear], 1)
    result = np.full(len(features), np.nan)
    for number, (track, feature) in enumerate(zip(found.tracks, features, strict=True)):
        size = sizes[track] - clear[number]
        around = np.unique(found.tracks[found.videos == found.videos[number]])
        others = around[(around != track) & (sizes[around] > 0)]
        if size > 0 and len(others):
            own = (sums[track] - clear[number] * feature) / size
            away = np.linalg.norm(sums[others] / sizes[others, None] - feature, axis=1).mean()
            result[number] = np.linalg.norm(own - feature) / away if away > 0 else np.nan
    return result


def right_classes(found: Probed, features: np.ndarray) -> np.ndarray:
    """[O] 1 where the nearest class is the own one, else 0; NaN if its class has no other video."""
    clear = found.levels == 0
    num_classes = int(found.classes.max(initial=-1)) + 1
    result = np.full(len(features), np.nan)
    for video in np.unique(found.videos):
        elsewhere = clear & (found.videos != video)
        own = np.flatnonzero(found.videos == video)
        sizes = np.bincount(found.classes[elsewhere], minlength=num_classes)
        sums = np.zeros((num_classes, features.shape[1]))
        np.add.at(sums, found.classes[elsewhere], features[elsewhere])
        means = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], np.inf)
        away = np.linalg.norm(features[own, None] - means, axis=-1)
        right = away.argmin(axis=1) == found.classes[own]
        result[own] = np.where(sizes[found.classes[own]] > 0, right, np.nan)
    return result
