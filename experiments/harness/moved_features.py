"""RoI features of annotated objects, and of the same objects where true motion leads to."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.harness.annotated_objects import AnnotatedVideo, annotated_objects
from experiments.harness.calibration_probe import motions_of
from experiments.harness.class_errors import ObjectsInFrames
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.predict.trained import TrainedModel


@dataclasses.dataclass(frozen=True)
class MovedFeatures(ObjectsInFrames):
    """Annotated objects with what a detector's box head reads of them.

    Attributes:
      own: [O, S, S, C] float16, RoI features of the object in its frame.
      others: [R, O, S, S, C] float16, for each reach the mean RoI features of the frames on either
        side up to so far away, in which it is annotated, of boxes of the same size that moved as
        the object did; 0 without such frames.
      counts: [R, O] number of these frames.
    """

    own: np.ndarray
    others: np.ndarray
    counts: np.ndarray

    def neighbours(self, reach: int) -> np.ndarray:
        """[O, 2 * reach + 1] the same object in frames up to `reach` away; -1 where it is not."""
        known = zip(self.tracks.tolist(), self.frames.tolist(), strict=True)
        places = {key: place for place, key in enumerate(known)}
        found = [
            [places.get((track, frame + away), -1) for away in range(-reach, reach + 1)]
            for track, frame in places
        ]
        return np.array(found, np.int64).reshape(-1, 2 * reach + 1)


def moved_features(
    model: TrainedModel, path: pathlib.Path | str, images: str, reaches: tuple[int, ...]
) -> MovedFeatures:
    """Looks at all videos of an annotation file; objects without an occlusion level do not count.

    Args:
      model: a MaskTrack R-CNN; its calibration is not used.
      path: annotations; amodal ones are read from beside it, where they are, for true motion.
      images: folder of the frames.
      reaches: R numbers of frames on either side.
    """
    annotations, middles = load_annotations(path), motions_of(path)
    look = _program(model, reaches)
    parts: list[tuple] = []
    tracks = 0
    for number, video in enumerate(annotated_objects(model, annotations, "features", images)):
        instances = video.truth.instances
        moves, there = _moves(video, middles, max(reaches))
        seen = map(np.asarray, look(video.frames, video.sizes, instances.boxes, moves, there))
        own, others, counts = seen
        for frame, slot, identity, level in video.labelled():
            label = instances.labels[frame, slot]
            found = own[frame, slot], others[:, frame, slot], counts[:, frame, slot]
            parts.append((number, tracks + identity, frame, level, label, *found))
        tracks += len(video.truth.annotated)
    *indices, own, others, counts = zip(*parts, strict=True)
    return MovedFeatures(
        *(np.array(each, np.int64) for each in indices),
        np.array(own, np.float16),
        np.stack(others, axis=1).astype(np.float16),
        np.stack(counts, axis=1),
    )


def _moves(
    video: AnnotatedVideo, middles: Mapping[int | str, np.ndarray], reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Motions [A, T, N, 2] (x, y), resized pixels, to frames A away, and where it is seen there."""
    instances = video.truth.instances
    steps = _steps(reach)
    length, slots = instances.valid.shape
    places = np.full((length, slots, 2), np.nan)
    slot_of: dict[tuple[int, int], int] = {}
    for frame, slot in np.argwhere(instances.valid).tolist():
        identity = int(instances.identities[frame, slot])
        middle = middles[video.truth.annotated[identity].id][frame]
        places[frame, slot] = middle[::-1] * video.scale
        slot_of[frame, identity] = slot
    moves = np.zeros((len(steps), length, slots, 2), np.float32)
    there = np.zeros((len(steps), length, slots), bool)
    for (frame, identity), slot in slot_of.items():
        for k, away in enumerate(steps):
            other = slot_of.get((frame + away, identity))
            if other is None:
                continue
            move = places[frame + away, other] - places[frame, slot]
            if np.isfinite(move).all():
                moves[k, frame, slot], there[k, frame, slot] = move, True
    return moves, there


def _steps(reach: int) -> list[int]:
    return [away for away in range(-reach, reach + 1) if away]


def _program(model: TrainedModel, reaches: tuple[int, ...]):
    """Frames, sizes, boxes [T, N, 4], `_moves` to `own`, `others` and `counts`, all by [T, N]."""
    away = jnp.array(_steps(max(reaches)))
    near = jnp.abs(away) <= jnp.array(reaches)[:, None]  # [R, A]

    def features(system, frames, sizes, boxes, moves, there):
        pyramid = system.encode(frames, sizes)
        own = system.box_features(pyramid, boxes)
        counts = jnp.einsum("ra,atn->rtn", near.astype(jnp.float32), there.astype(jnp.float32))

        def add(sums, step):
            k, move, seen = step
            others = jnp.clip(jnp.arange(len(frames)) + away[k], 0, len(frames) - 1)
            moved = boxes + jnp.concatenate([move, move], axis=-1)
            found = system.box_features([level[others] for level in pyramid], moved)
            found = jnp.where(seen[..., None, None, None], found, 0)
            return sums + near[:, k, None, None, None, None, None] * found, None

        sums = jnp.zeros((len(reaches), *own.shape))
        sums, _ = jax.lax.scan(add, sums, (jnp.arange(len(away)), moves, there))
        return own, sums / jnp.maximum(counts, 1)[..., None, None, None], counts.astype(jnp.int32)

    @jax.jit
    def program(*given):
        return model.system.apply(model.variables, *given, method=features)

    return program
