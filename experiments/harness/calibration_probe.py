"""What a trained calibration does to the objects of a video: offsets, and features of objects.

Looked at is the finest level, which objects of up to 112 pixels are read from.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.harness.run_models import run_model
from ovis_jax.data.from_config import resizing
from ovis_jax.data.mask_transforms import transform_mask
from ovis_jax.data.transforms import FrameGeometry
from ovis_jax.data.video_frames import VideoFrames
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS, Instance, Video
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.ops.correlation import correlation, expected_displacement
from ovis_jax.predict.trained import TrainedModel

REACH = 5  # frames on either side that are looked at as references
_POINTS, _SHARES = ("offsets", "motions", "peaks", "expected"), ("landings", "moved")
_NOBODY = -1  # where a frame shows no object
SHARPNESS = 4.0  # of `expected_displacement`; also that of the arm that starts from it


@dataclasses.dataclass(frozen=True)
class Probed:
    """Objects in frames, O of them, and pairs of these with a reference frame, P of them.

    Attributes:
      videos: [O] index of the video; likewise `tracks`, unique in the data set, and `classes`.
      tracks: see `videos`.
      classes: see `videos`.
      levels: [O] index into OCCLUSION_LEVELS.
      query: [O, C] mean feature over the visible pixels, as it is.
      calibrated: [O, C] likewise, calibrated, mean over the reference frames.
      aligned: [O, C] mean of the feature as it is and of those of the same object in the reference
        frames where it is visible: what alignment without errors would bring.
      objects: [P] index of the object in its frame.
      lengths: [P] mean length of the offsets of all taps, resized pixels.
      offsets: [P, 2] mean offset (y, x), resized pixels.
      motions: [P, 2] (y, x) by which the object moves to the reference frame; NaN if it is outside.
      peaks: [P, 2] (y, x) by which the reference frame is displaced where it resembles the object
        most, by the correlation of the calibration's input; resized pixels.
      expected: [P, 2] (y, x) likewise, but of every position on its own: the mean over visible
        cells of `expected_displacement`; resized pixels.
      landings: [P, 3] shares of the object's visible cells whose mean offset points to the object
        itself in the reference frame, to another one, and to neither.
      moved: [P, 3] likewise, if every offset were the motion; NaN if it is outside.
    """

    videos: np.ndarray
    tracks: np.ndarray
    classes: np.ndarray
    levels: np.ndarray
    query: np.ndarray
    calibrated: np.ndarray
    aligned: np.ndarray
    objects: np.ndarray
    lengths: np.ndarray
    offsets: np.ndarray
    motions: np.ndarray
    peaks: np.ndarray
    expected: np.ndarray
    landings: np.ndarray
    moved: np.ndarray


def probed(folder: pathlib.Path, eval_annotations: str) -> Probed:
    """What the calibration of a run does on its validation videos; kept in the run's folder.

    Args:
      folder: work directory of a run that has trained, or predicted with given weights.
      eval_annotations: ground truth with occlusion levels; amodal masks are read from beside it,
        where they are.
    """
    kept = folder / "calibration_probe.npz"
    names = {field.name for field in dataclasses.fields(Probed)}
    if kept.exists():
        with np.load(kept) as arrays:
            if set(arrays) == names:  # else it is of an earlier version, which knew less
                return Probed(**arrays)
    found = probe(
        run_model(folder), load_annotations(eval_annotations), motions_of(eval_annotations)
    )
    np.savez(kept, **{name: getattr(found, name) for name in names})
    return found


def motions_of(eval_annotations: str) -> dict[int | str, np.ndarray]:
    """Middles [T, 2] (y, x) of objects in original pixels by id, NaN outside the frame.

    Of whole objects where the data have them; what occlusion hides is no motion.
    """
    path = pathlib.Path(eval_annotations)
    whole = path.with_name(path.name.replace("annotations", "amodal"))
    annotations = load_annotations(whole if whole.exists() else path)
    return {own.id: own.boxes[:, 1::-1] + own.boxes[:, :1:-1] / 2 for own in annotations.instances}


def probe(model: TrainedModel, annotations: Annotations, middles: dict) -> Probed:
    """Looks at all videos; see `probed`."""
    resized = resizing(model.config.data)
    frames_of, compare = _programs(model)
    categories = [category.id for category in annotations.categories]
    parts = []
    videos = tqdm(annotations.videos, "calibration", unit="video", disable=None, leave=False)
    for number, video in enumerate(videos):
        frames = VideoFrames(model.config.data.eval_images, video, resized)
        objects = annotations.instances_of(video.id)
        seen = _Seen(np.stack(list(frames)), frames.geometry, video, objects)
        found = _looked_at(seen, frames_of, compare, middles, model.system.calibration.dilation)
        parts.append((number, seen, found))
    return _joined(parts, categories)


@dataclasses.dataclass(frozen=True)
class _Seen:
    """A video: frames [T, H, W, 3], how they were resized, and its objects."""

    frames: np.ndarray
    geometry: FrameGeometry
    video: Video
    objects: list[Instance]

    def cells(self, height: int, width: int) -> list[tuple[int, int, np.ndarray]]:
        """Object, frame and cells [h, w] of every labelled object that fills half of a cell."""
        found = []
        for number, own in enumerate(self.objects):
            for frame in range(self.video.length):
                rle = own.rle(frame)
                if (
                    own.iscrowd
                    or rle is None
                    or own.occlusion is None
                    or own.occlusion[frame] is None
                ):
                    continue
                mask = np.unpackbits(transform_mask(rle, self.geometry, flip=False), axis=1)
                parts = mask.reshape(height, len(mask) // height, width, -1)
                cells = parts.mean(axis=(1, 3)) > 0.5
                if cells.any():
                    found.append((number, frame, cells))
        return found


def _programs(model: TrainedModel):
    """Frames to their finest level; two levels to what calibration makes and could know of them."""
    system, variables = model.system, model.variables

    @jax.jit
    def frames_of(frames, size):
        sizes = jnp.tile(size, (len(frames), 1))
        return system.apply(variables, frames, sizes, method="encode")[0]

    @jax.jit
    def compare(query, reference):
        return system.apply(variables, query, reference, method=_calibration)

    return frames_of, compare


def _calibration(system, query: jax.Array, reference: jax.Array) -> tuple[jax.Array, ...]:
    """Calibrated levels [B, h, w, C], offsets [B, h, w, taps, 2] in cells, and what could be known.

    That is correlations [B, h, w, D**2] and the displacement that each position expects by them
    [B, h, w, 2], in cells.
    """
    calibration = system.calibration
    volume = correlation(query, reference, calibration.displacements, calibration.dilation)
    expected = expected_displacement(volume, calibration.dilation, SHARPNESS)
    if calibration.compare == "addition":
        offsets = jnp.zeros((*query.shape[:3], 1, 2))
        return calibration.level(query, reference), offsets, volume, expected
    reference = query if calibration.compare == "query" else reference
    offsets = calibration.offsets(query, reference)
    offsets = offsets.reshape(*query.shape[:3], -1, 2)
    return calibration.level(query, reference), offsets, volume, expected


def _peak(volume: np.ndarray, dilation: int) -> np.ndarray:
    """(y, x) in cells of the largest of displacements [D * D], as `correlation` orders them."""
    side = math.isqrt(len(volume))
    place = np.array(np.unravel_index(volume.argmax(), (side, side)))
    return (place - (side - 1) / 2) * dilation


def _looked_at(
    seen: _Seen, frames_of, compare, middles: dict, dilation: int
) -> dict[str, np.ndarray]:
    """Arrays of `Probed` of one video, objects counted from its first one."""
    size = np.array(seen.geometry.image_size, np.float32)
    levels = frames_of(seen.frames, size)
    num_frames, height, width, _ = levels.shape
    stride = seen.geometry.canvas_height / height
    cells = seen.cells(height, width)
    scale = np.array(seen.geometry.scale)[::-1]
    places = [middles[own.id] * scale for own in seen.objects]
    query = [np.asarray(levels[frame])[own].mean(axis=0) for _, frame, own in cells]
    owners = np.full((num_frames, height, width), _NOBODY)
    for number, frame, own in cells:
        owners[frame][own] = number
    sums, counts = np.zeros((len(cells), levels.shape[-1])), np.zeros((len(cells), 1))
    pairs: list[tuple] = []
    for away in (*range(-REACH, 0), *range(1, REACH + 1)):
        others = np.clip(np.arange(num_frames) + away, 0, num_frames - 1)
        calibrated, offsets, volume, expected = map(np.asarray, compare(levels, levels[others]))
        for k, (number, frame, own) in enumerate(cells):
            if not 0 <= frame + away < num_frames:
                continue
            sums[k] += calibrated[frame][own].mean(axis=0)
            counts[k] += 1
            taps = stride * offsets[frame][own]
            motion = places[number][frame + away] - places[number][frame]
            length, mean = np.hypot(*taps.reshape(-1, 2).T).mean(), taps.mean(axis=(0, 1))
            peak = stride * _peak(volume[frame][own].mean(axis=0), dilation)
            own_peaks = stride * expected[frame][own].mean(axis=0)
            there = owners[frame + away]
            landed = _landings(own, offsets[frame][own].mean(axis=1), there, number)
            moved = _landings(own, np.tile(motion / stride, (own.sum(), 1)), there, number)
            pairs.append((k, length, mean, motion, peak, own_peaks, landed, moved))
    aligned = [_aligned(k, cells, query) for k in range(len(cells))]
    names = ("objects", "lengths", *_POINTS, *_SHARES)
    columns = zip(*pairs, strict=True) if pairs else [()] * len(names)
    found = dict(zip(names, columns, strict=True))
    return {
        "tracks": np.array([number for number, _, _ in cells], int),
        "levels": np.array(
            [OCCLUSION_LEVELS.index(seen.objects[n].occlusion[frame]) for n, frame, _ in cells], int
        ),
        "query": np.array(query, np.float32).reshape(len(cells), -1),
        "calibrated": (sums / np.maximum(counts, 1)).astype(np.float32),
        "aligned": np.array(aligned, np.float32).reshape(len(cells), -1),
        "objects": np.array(found["objects"], int),
        "lengths": np.array(found["lengths"], np.float32),
        **{name: np.array(found[name], np.float32).reshape(-1, 2) for name in _POINTS},
        **{name: np.array(found[name], np.float32).reshape(-1, 3) for name in _SHARES},
    }


def _landings(cells: np.ndarray, steps: np.ndarray, owners: np.ndarray, number: int) -> np.ndarray:
    """[3] shares of cells [h, w] of an object that step to itself, to another one, to neither.

    Steps [n, 2] are in cells, owners [h, w] the objects of the reference frame.
    """
    if not np.isfinite(steps).all():
        return np.full(3, np.nan)
    places = np.rint(np.argwhere(cells) + steps).astype(int)
    inside = ((places >= 0) & (places < cells.shape)).all(axis=1)
    found = np.full(len(places), _NOBODY)
    found[inside] = owners[tuple(places[inside].T)]
    return np.array(
        [
            np.mean(found == number),
            np.mean((found != number) & (found != _NOBODY)),
            np.mean(found == _NOBODY),
        ]
    )


def _aligned(k: int, cells: list[tuple], features: list[np.ndarray]) -> np.ndarray:
    """[C], the feature of an object in a frame beside those of it in frames up to REACH away."""
    number, frame, _ = cells[k]
    others = [
        features[j]
        for j, (other, there, _) in enumerate(cells)
        if other == number and 0 < abs(there - frame) <= REACH
    ]
    return (features[k] + np.mean(others, axis=0)) / 2 if others else features[k]


def _joined(parts: list[tuple[int, _Seen, dict]], categories: list[int]) -> Probed:
    """All videos; a video without objects adds nothing."""
    parts = [part for part in parts if len(part[2]["tracks"])]
    found: dict[str, list[np.ndarray]] = {field.name: [] for field in dataclasses.fields(Probed)}
    tracks = objects = 0
    for number, seen, own in parts:
        for name, values in own.items():
            shift = {"tracks": tracks, "objects": objects}.get(name, 0)
            found[name].append(values + shift if shift else values)
        found["videos"].append(np.full(len(own["tracks"]), number))
        classes = [categories.index(each.category_id) for each in seen.objects]
        found["classes"].append(np.array(classes, int)[own["tracks"]])
        tracks, objects = tracks + len(seen.objects), objects + len(own["tracks"])
    return Probed(**{name: np.concatenate(values) for name, values in found.items()})
