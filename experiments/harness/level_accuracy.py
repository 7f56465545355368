"""How well a trained model tells the occlusion level of annotated objects."""

from __future__ import annotations

import pathlib

import jax
import numpy as np

from experiments.harness.annotated_objects import LEVEL_NAMES, annotated_objects
from experiments.harness.experiment import Findings, Outcome
from experiments.harness.known_classes import agreement_with_classes
from experiments.harness.run_models import run_model
from ovis_jax.analysis.sections import Column, Table
from ovis_jax.formats.annotations import Annotations
from ovis_jax.predict.trained import TrainedModel

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
        for name, own, size in zip(LEVEL_NAMES, counts, sizes, strict=True):
            shares = [float(x) / size if size else None for x in own]
            right = shares[LEVEL_NAMES.index(name)]
            rows.append([f"{label}, {name}", int(size), right, *shares])
        wrong, by_chance, _ = agreement_with_classes(counts)
        values[label] = {"counts": counts.tolist()}
        if wrong is not None:
            lines.append(
                f"{label}: tells the occlusion level of {100 * (1 - wrong):.1f} % of the objects "
                f"in frames; at random it would be {100 * (1 - by_chance):.1f} %."
            )
    columns = [Column("occlusion"), Column("objects"), Column("right", "%", 1)]
    columns += [Column(f"taken for {name}", "%", 1) for name in LEVEL_NAMES]
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

    @jax.jit
    def told(frames, sizes, boxes):
        def levels(system, frames, sizes, boxes):
            return system.occlusion_levels(system.encode(frames, sizes), boxes).argmax(-1)

        return model.system.apply(model.variables, frames, sizes, boxes, method=levels)

    counts = np.zeros((len(LEVEL_NAMES), len(LEVEL_NAMES)), np.int64)
    for video in annotated_objects(model, annotations, "occlusion"):
        found = np.array(told(video.frames, video.sizes, video.truth.instances.boxes))
        for frame, slot, _, level in video.labelled():
            counts[level, found[frame, slot]] += 1
    return counts
