"""What a finished run left: numbers, results, and what analyses find in them."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ovis_jax.analysis.confusion import Confusion
from ovis_jax.analysis.frame_errors import FOUND
from ovis_jax.analysis.occlusion_errors import OcclusionErrors
from ovis_jax.analysis.scenes import Scene, scenes
from ovis_jax.evaluation import Matching, evaluate, match_results
from ovis_jax.evaluation.annotated_frames import in_annotated_frames
from ovis_jax.evaluation.oracles import with_true_identities
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.crowds import crowds_as_objects
from ovis_jax.formats.results import TrackResult, load_results, read_results


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What a run with one seed left; files are read when they are asked for, once.

    Attributes:
      folder: its work directory.
      outputs: folder of its results and metrics.
      configuration: name of the file that its configuration is made from.
    """

    folder: pathlib.Path
    outputs: pathlib.Path
    configuration: str

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """Its whole configuration."""
        return json.loads((self.folder / "config.json").read_text())

    @functools.cached_property
    def metrics(self) -> dict[str, float]:
        """Numbers of its metrics.json by name, in [0, 1]; -1 where there is nothing to find."""
        return {k: v for k, v in self._metrics_file.items() if not isinstance(v, dict)}

    @functools.cached_property
    def class_precision(self) -> dict[str, float]:
        """AP by name of the category, in the order of their ids; -1 as in `metrics`."""
        return self._metrics_file["per_category"]

    @functools.cached_property
    def linked_metrics(self) -> dict[str, float]:
        """`metrics` if its tracker made no mistakes: identities are the ground truth's."""
        annotations, tracks = self.annotations, self._tracks()
        return evaluate(annotations, with_true_identities(annotations, tracks)).values

    @functools.cached_property
    def matching(self) -> Matching:
        """Its tracks beside the objects, for comparisons with other runs."""
        return match_results(self.annotations, self.outputs / "results.json")

    @functools.cached_property
    def class_agnostic_matching(self) -> Matching:
        """`matching` if all tracks and objects were of one category."""
        return match_results(self.annotations, self.outputs / "results.json", class_agnostic=True)

    @functools.cached_property
    def errors(self) -> OcclusionErrors:
        """Errors by occlusion level."""
        return self._analyses[0]

    @functools.cached_property
    def confusion(self) -> Confusion:
        """Which classes are taken for which."""
        return self._analyses[1]

    @functools.cached_property
    def surest_classes(self) -> np.ndarray:
        """[K, K] int, objects in frames by true class and by that of the surest mask on them.

        Classes are in the order of their ids. A mask lies on an object if its IoU is above `FOUND`;
        objects without such a mask do not count.
        """
        annotations = self.annotations
        ids = np.array([category.id for category in annotations.categories], np.int64)
        counts = np.zeros((len(ids), len(ids)), np.int64)
        for scene in self._scenes():
            if not scene.tracks:
                continue
            on_object = scene.iou > FOUND  # tracks stand by descending score
            frames, objects = np.nonzero(on_object.any(axis=2))
            surest = on_object[frames, objects].argmax(axis=1)
            truth = np.searchsorted(ids, scene.object_categories[objects])
            np.add.at(counts, (truth, np.searchsorted(ids, scene.track_categories[surest])), 1)
        return counts

    @property
    def annotations(self) -> Annotations:
        """The ground truth that it was evaluated with."""
        data = self.config["data"]  # the second field is absent in older work directories
        return _annotations(data["eval_annotations"], bool(data.get("crowds_are_objects")))

    @property
    def revision(self) -> str | None:
        """Of the code that ran last."""
        return json.loads((self.folder / "run.json").read_text())["starts"][-1]["revision"]

    @functools.cached_property
    def _metrics_file(self) -> dict[str, Any]:
        return json.loads((self.outputs / "metrics.json").read_text())

    @functools.cached_property
    def _analyses(self) -> tuple[OcclusionErrors, Confusion]:
        analyses = OcclusionErrors(self.annotations), Confusion(self.annotations)
        for scene in self._scenes():
            for analysis in analyses:
                analysis.add(scene)
        return analyses

    def _scenes(self) -> Iterator[Scene]:
        """Its tracks beside the objects, video by video."""
        annotations = self.annotations
        read = read_results(self.outputs / "results.json", annotations)
        tracks = in_annotated_frames(read, annotations.videos).tracks
        return scenes(annotations, tracks, progress=None)

    def _tracks(self) -> list[TrackResult]:
        return load_results(self.outputs / "results.json", self.annotations)


@functools.lru_cache(maxsize=2)
def _annotations(path: str, crowds: bool) -> Annotations:
    annotations = load_annotations(path)
    return crowds_as_objects(annotations) if crowds else annotations
