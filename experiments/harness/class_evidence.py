"""From how many frames does an object's class show: one, those beside it, or the whole video?

A trained detector classifies annotated boxes, frame by frame. Its logits of one object are then
averaged over frames, by the true identities: what fusion of features could know at best if it were
aligned without errors, and what a tracker with true identities knows anyway.
"""

from __future__ import annotations

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from experiments.harness.annotated_objects import annotated_objects
from experiments.harness.class_errors import ObjectsInFrames, error_counts, error_tables
from experiments.harness.experiment import Findings, Outcome
from experiments.harness.over_seeds import same_seeds
from experiments.harness.run_models import run_model
from ovis_jax.formats.annotations import Annotations
from ovis_jax.predict.trained import TrainedModel

REACHES = {  # frames on either side whose logits count
    "the frame alone": 0,
    "1 frame on either side": 1,
    "5 frames on either side": 5,
    "whole video": None,
}
NOTE = (
    "Annotated boxes of the validation videos: share whose class is not the largest one of the "
    "mean of the logits of the same object, by the true identities, over so many frames. A model "
    "with calibration sees its own reference frames besides, as in prediction. What one frame does "
    "not show and the ones beside it do could be gained by aligned features; what only the whole "
    "video shows, a tracker gains, which goes by the classes of all its frames."
)


@dataclasses.dataclass(frozen=True)
class Told(ObjectsInFrames):
    """Annotated objects as a model sees them.

    Attributes:
      logits: [O, K] of the classes, without background.
    """

    logits: np.ndarray

    def by_reach(self, reach: int | None) -> np.ndarray:
        """[O] the class of the largest mean of the object's logits over several frames.

        These are the ones up to `reach` away in which it is annotated; None: all of them.
        """
        found = np.zeros(len(self.tracks), np.int64)
        for track in np.unique(self.tracks):
            own = np.flatnonzero(self.tracks == track)
            apart = np.abs(self.frames[own, None] - self.frames[own])
            near = np.ones_like(apart) if reach is None else apart <= reach
            means = near @ self.logits[own] / near.sum(axis=1, keepdims=True)
            found[own] = means.argmax(axis=1)
        return found


def class_evidence(outcome: Outcome) -> Findings:
    """How many objects are taken for another class, by frames that count; a table of each row."""
    same_seeds(outcome.rows)
    tables, values = [], {}
    for number, (label, runs) in enumerate(outcome.rows.items()):
        found = [told(run.folder, run.annotations) for run in runs]
        videos = len(runs[0].annotations.videos)
        counts = [
            [error_counts(own, own.by_reach(reach), videos) for own in found]
            for reach in REACHES.values()
        ]
        own_tables, values[label] = error_tables(
            f"class_evidence_{number}",
            f"{label}: objects taken for another class, by the frames that count",
            tuple(REACHES),
            np.array(counts),
            NOTE,
        )
        tables += own_tables
    return Findings(tables, values={"class_evidence": values})


def told(folder: pathlib.Path, annotations: Annotations) -> Told:
    """What a trained run tells of its annotated objects; kept in its folder."""
    kept = folder / "class_evidence.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as arrays:
            return Told(**arrays)
    found = tell(run_model(folder), annotations)
    np.savez(kept, **dataclasses.asdict(found))
    return found


def tell(model: TrainedModel, annotations: Annotations) -> Told:
    """Looks at all videos. Objects without an occlusion level do not count."""
    logits_of = _program(model)
    parts: list[tuple] = []
    tracks = 0
    for number, video in enumerate(annotated_objects(model, annotations, "classes")):
        own = video.truth.instances
        logits = np.asarray(logits_of(video.frames, video.sizes, own.boxes))
        for frame, slot, identity, level in video.labelled():
            found = own.labels[frame, slot], logits[frame, slot]
            parts.append((number, tracks + identity, frame, level, *found))
        tracks += len(video.truth.annotated)
    *indices, logits = zip(*parts, strict=True) if parts else [()] * 6
    return Told(
        *(np.array(own, np.int64) for own in indices),
        np.array(logits, np.float32).reshape(-1, len(annotations.categories)),
    )


def _program(model: TrainedModel):
    """Frames [T, H, W, 3], sizes [T, 2] and boxes [T, N, 4] to logits [T, N, K] of classes."""
    window = model.config.predict.reference_window

    def logits(system, frames, sizes, boxes):
        pyramid = system.encode(frames, sizes)
        places = jnp.arange(len(frames))
        total, count = 0.0, 0.0
        for away in [k for k in range(-window, window + 1) if k] or [0]:
            others = places + away
            exists = (others >= 0) & (others < len(frames)) | (len(frames) == 1)
            others = jnp.clip(others, 0, len(frames) - 1)
            calibrated = system.calibrate(pyramid, [level[others] for level in pyramid])
            exists = exists[:, None, None]
            own = system.classify(calibrated, boxes)[0][..., 1:]  # the first is the background
            total, count = total + jnp.where(exists, own, 0), count + exists
        return total / count

    @jax.jit
    def program(frames, sizes, boxes):
        return model.system.apply(model.variables, frames, sizes, boxes, method=logits)

    return program
