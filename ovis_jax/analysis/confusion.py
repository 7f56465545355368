"""Which classes are taken for which (Fig. 9 of the OVIS paper), with counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ovis_jax.analysis.frame_errors import FOUND
from ovis_jax.analysis.frame_matches import closest_masks
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Column, Matrix, Section, Table, percent
from ovis_jax.evaluation.summary import category_labels
from ovis_jax.formats.annotations import Annotations

NOT_FOUND = "not found"

TEXT = f"""\
Rows are the true classes, columns the predicted ones; a row of a matrix adds up to 100.

- in frames: an object in a frame takes the class of its closest mask (as in the errors by occlusion
  level) if that has an IoU above {FOUND}
- of objects: an object in its video takes the class of the track with the highest IoU of tubes, of
  equal ones of the surest, if that is above {FOUND}

The other objects are not found. One mask or track may give its class to several objects. Classes
without objects have no row.
"""


class Confusion:
    """Confusion matrices; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._names = category_labels(annotations.categories)
        self._ids = np.array([category.id for category in annotations.categories], np.int64)
        size = len(self._names)
        self._frames = np.zeros((size, size + 1), np.int64)
        self._objects = np.zeros((size, size + 1), np.int64)

    def add(self, scene: Scene) -> None:
        """Counts a video."""
        truth = np.searchsorted(self._ids, scene.object_categories)
        own = np.searchsorted(self._ids, scene.track_categories)
        classes = np.append(own, len(self._names))  # the last one stands for nothing
        visible = scene.has_object
        predicted = _predicted(scene.iou, classes)
        np.add.at(
            self._frames,
            (np.broadcast_to(truth, visible.shape)[visible], predicted[visible]),
            1,
        )
        np.add.at(self._objects, (truth, _predicted(scene.tube_iou[None], classes)[0]), 1)

    @property
    def frames(self) -> np.ndarray:
        """[K, K + 1] int, objects in frames by true and predicted class; the last: not found."""
        return self._frames

    @property
    def objects(self) -> np.ndarray:
        """[K, K + 1] int, objects likewise."""
        return self._objects

    def sections(self) -> list[Section]:
        """Both matrices, as counts and as shares."""
        kinds = {"frames": self._frames, "objects": self._objects}
        titles = {"frames": "Confusion in frames", "objects": "Confusion of objects"}
        columns = [*self._names, NOT_FOUND]
        tables, plots, numbers = [self._summary()], [], {"classes": self._names}
        for kind, counts in kinds.items():
            rows = np.flatnonzero(counts.any(axis=1)).tolist()
            tables.append(
                Table(
                    f"confusion_{kind}",
                    f"{titles[kind]}: counts",
                    [Column("true class"), *map(Column, columns)],
                    [[self._names[k], *counts[k].tolist()] for k in rows],
                )
            )
            if rows:
                names = [self._names[k] for k in rows]
                shares = counts[rows] / counts[rows].sum(axis=1, keepdims=True)
                plots.append(
                    Matrix(titles[kind], "true", "predicted", names, columns, shares.tolist())
                )
            numbers[kind] = counts.tolist()
        return [Section("confusion", "Confusion of classes", TEXT, tables, plots, numbers)]

    def _summary(self) -> Table:
        """For each class how often it is recognised, and what it is taken for."""
        rows = []
        for k in np.flatnonzero(self._frames.any(axis=1)).tolist():
            counts, total = self._frames[k], self._frames[k].sum().item()
            others = np.append(counts[:k], [0, *counts[k + 1 : -1]])
            most = int(others.argmax())
            found = [counts[k].item(), others.sum().item(), counts[-1].item()]
            taken = self._names[most] if others[most] else None
            rows.append([self._names[k], *(own / total for own in found), taken, total])
        heads = [Column("true class"), *map(percent, ("recognised", "another class", NOT_FOUND))]
        heads += [Column("most often taken for"), Column("objects in frames")]
        return Table("confusion_summary", "Classes in frames", heads, rows)

    @classmethod
    def comparison(cls, systems: Mapping[str, Confusion], draws: np.ndarray) -> list[Section]:
        """Nothing: matrices are looked at one by one."""
        return []


def _predicted(iou: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """[T, G] int, class of each object, from [T, G, P] and classes [P + 1], the last for none."""
    matches = closest_masks(iou)
    track = np.concatenate([matches.shown, np.zeros((*iou.shape[:2], 1), bool)], axis=2)
    track[..., -1] = ~(matches.iou > FOUND)
    track[..., :-1] &= (matches.iou > FOUND)[..., None]
    return np.asarray(classes)[track.argmax(axis=2)]
