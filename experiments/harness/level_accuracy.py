"""How well a trained model tells the occlusion level of annotated objects."""

from __future__ import annotations

import pathlib

import jax
import numpy as np
from absl import logging
from tqdm import tqdm

from experiments.harness.experiment import Findings, Outcome
from experiments.harness.known_classes import agreement_with_classes
from experiments.harness.run_models import run_model
from ovis_jax.analysis.sections import Column, Table
from ovis_jax.data.from_config import annotation_options, resizing
from ovis_jax.data.truth import Truth
from ovis_jax.data.video_frames import VideoFrames
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations
from ovis_jax.predict.trained import TrainedModel

_NAMES = [level.removesuffix("_occlusion") for level in OCCLUSION_LEVELS]
_NOTE = (
    "Annotated boxes of the validation videos, of all seeds. Right: the most likely level is the "
    "annotated one. At random: if levels were named as often, regardless of the object."
)


def level_accuracy(outcome: Outcome) -> Findings:
    """Which levels are told, by the true one, of all rows; counts add up over seeds."""
    rows, lines, values = [], [], {}
    for label, runs in outcome.rows.items():
        counts = sum(counted(run.folder, run.annotations) for run in runs)
        sizes = counts.sum(axis=1)
        for name, own, size in zip(_NAMES, counts, sizes, strict=True):
            shares = [float(x) / size if size else None for x in own]
            right = shares[_NAMES.index(name)]
            rows.append([f"{label}, {name}", int(size), right, *shares])
        wrong, by_chance, _ = agreement_with_classes(counts)
        values[label] = {"counts": counts.tolist()}
        if wrong is not None:
            lines.append(
                f"{label}: tells the occlusion level of {100 * (1 - wrong):.1f} % of the objects "
                f"in frames; at random it would be {100 * (1 - by_chance):.1f} %."
            )
    columns = [Column("occlusion"), Column("objects"), Column("right", "%", 1)]
    columns += [Column(f"taken for {name}", "%", 1) for name in _NAMES]
    table = Table("occlusion_levels", "Occlusion levels that are told", columns, rows, _NOTE)
    return Findings([table], lines=lines, values={"occlusion_levels": values})


def counted(folder: pathlib.Path, annotations: Annotations) -> np.ndarray:
    """[3, 3] int, objects in frames by true and told level; kept in the folder of the run."""
    kept = folder / "occlusion_levels.npy"
    if kept.exists():
        return np.load(kept, allow_pickle=False)
    counts = count_levels(run_model(folder), annotations)
    np.save(kept, counts)
    return counts


def count_levels(model: TrainedModel, annotations: Annotations) -> np.ndarray:
    """[3, 3] int, annotated objects in frames by true level and the one that the model tells."""
    data = model.config.data
    truth = Truth(
        annotations,
        [category.id for category in annotations.categories],
        annotation_options(data),
        logging.warning,
        data.inclusive_boxes,
    )

    @jax.jit
    def told(frames, sizes, boxes):
        def levels(system, frames, sizes, boxes):
            return system.occlusion_levels(system.encode(frames, sizes), boxes).argmax(-1)

        return model.system.apply(model.variables, frames, sizes, boxes, method=levels)

    counts = np.zeros((len(_NAMES), len(_NAMES)), np.int64)
    for video in tqdm(annotations.videos, "occlusion", unit="video", disable=None, leave=False):
        frames = VideoFrames(data.eval_images, video, resizing(data))
        own = truth.of(video, frames.geometry)
        sizes = np.tile([[frames.geometry.height, frames.geometry.width]], (len(frames), 1))
        found = np.array(told(np.stack(list(frames)), sizes, own.instances.boxes))
        for t, slot in np.argwhere(own.instances.valid):
            labels = own.annotated[own.instances.identities[t, slot]].occlusion
            if labels is not None and labels[t] is not None:
                counts[OCCLUSION_LEVELS.index(labels[t]), found[t, slot]] += 1
    return counts
