"""Ground truth and results → metrics: the story of an evaluation.

The rules are those of the official OVIS and YouTube-VIS evaluators.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from ovis_jax.evaluation.accumulate import Curves, accumulate, stack_curves
from ovis_jax.evaluation.groups import AREA_RANGES, OCCLUSION_RANGES
from ovis_jax.evaluation.matching import Matches, match_category
from ovis_jax.evaluation.objects import Objects, objects_by_category
from ovis_jax.evaluation.overlaps import Key, Overlaps, measure_overlaps, truth_masks
from ovis_jax.evaluation.parallel import measure_files
from ovis_jax.evaluation.summary import DATASETS, Metrics, summarize
from ovis_jax.formats.annotation_options import FLAGS
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.crowds import many_crowds
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import TrackResult, load_results

Results = pathlib.Path | str | Iterable[dict] | Iterable[TrackResult]


@dataclasses.dataclass(frozen=True)
class Matching:
    """Which track of a results file is matched to which object; all that metrics depend on.

    Attributes:
      annotations: ground truth.
      dataset: one of DATASETS.
      num_tracks: in the results.
      objects: by category id, ascending.
      overlaps: by category and video id.
      matches: by category id, ascending.
    """

    annotations: Annotations
    dataset: str
    num_tracks: int
    objects: Mapping[int, Objects]
    overlaps: Mapping[Key, Overlaps]
    matches: Mapping[int, Matches]


def evaluate(
    annotations: Annotations | pathlib.Path | str,
    results: Results,
    dataset: str = "ovis",
    *,
    workers: int = 1,
    progress: bool = False,
) -> Metrics:
    """Scores predicted tracks.

    Args:
      annotations: ground truth, or the path of its file.
      results: path of a results file, its records, or tracks that `load_results` has checked.
      dataset: "ovis" for 18 numbers; "ytvis" for the 12 without occlusion groups.
      workers: processes that share the work if both are paths; the numbers do not depend on it.
      progress: show progress bars if stderr is a terminal.

    Raises:
      InputError: a file cannot be used, or there is no ground truth.
    """
    return score(match_results(annotations, results, dataset, workers=workers, progress=progress))


def match_results(
    annotations: Annotations | pathlib.Path | str,
    results: Results,
    dataset: str = "ovis",
    *,
    workers: int = 1,
    progress: bool = False,
) -> Matching:
    """Matches predicted tracks to objects; as `evaluate`."""
    if dataset not in DATASETS:
        raise InputError(f"dataset: expected one of {', '.join(DATASETS)}, is {dataset!r}")
    measured = None
    if workers > 1 and isinstance(annotations, pathlib.Path | str) and _is_path(results):
        measured = measure_files(annotations, results, workers, progress=progress)
    if measured is None:
        measured = _measure(annotations, results, progress)
    annotations, num_tracks, overlaps = measured
    objects = objects_by_category(annotations, _num_levels(dataset))
    groups = defaultdict(list)
    for category, video in sorted(overlaps):
        groups[category].append((video, overlaps[category, video]))
    matches = {category: match_category(groups[category], own) for category, own in objects.items()}
    return Matching(annotations, dataset, num_tracks, objects, overlaps, matches)


def score(matching: Matching) -> Metrics:
    """The metrics of matched results."""
    stacked = stack_curves([accumulate(own) for own in matching.matches.values()])
    shape = (len(matching.matches), len(AREA_RANGES), _num_levels(matching.dataset))
    arrays = (stacked.precision, stacked.scores, stacked.recall)
    curves = Curves(*(array.reshape(*shape, *array.shape[2:]) for array in arrays))
    categories = matching.annotations.categories
    return summarize(curves, categories, matching.dataset, _notes(matching))


def check_ground_truth(annotations: Annotations) -> None:
    """Raises InputError if there is nothing to score with."""
    if not annotations.has_ground_truth:
        raise InputError(
            f"{annotations.path}: annotations: null, so this file has no ground truth to score with"
        )


def _measure(
    annotations: Annotations | pathlib.Path | str, results: Results, progress: bool
) -> tuple[Annotations, int, dict[Key, Overlaps]]:
    """Ground truth, number of tracks and their overlaps, in this process."""
    if not isinstance(annotations, Annotations):
        annotations = load_annotations(annotations)
    check_ground_truth(annotations)
    tracks = results if _is_path(results) else list(results)
    if _is_path(results) or not tracks or not all(isinstance(t, TrackResult) for t in tracks):
        tracks = load_results(tracks, annotations, progress=progress)
    overlaps = measure_overlaps(truth_masks(annotations), tracks, progress=progress)
    return annotations, len(tracks), overlaps


def _is_path(results: Results) -> bool:
    return isinstance(results, pathlib.Path | str)


def _num_levels(dataset: str) -> int:
    """Occlusion ranges that are scored, from the first one on."""
    return len(OCCLUSION_RANGES) if dataset == "ovis" else 1


def _notes(matching: Matching) -> list[str]:
    """Sentences on what is unusual."""
    notes = []
    objects = [i for i in matching.annotations.instances if not i.iscrowd]
    if not objects:
        notes.append("The ground truth has no object, so there is nothing to find.")
    crowds = many_crowds(matching.annotations, FLAGS.crowds)
    if crowds:
        notes.append(f"{crowds}.")
    if not matching.num_tracks:
        notes.append("The results have no track.")
    if any(instance.id == 0 for instance in objects):
        notes.append("An object has the id 0, whose matches the official evaluator does not count.")
    unlabelled = sum(
        int(np.isnan(o.occlusion[~o.is_crowd]).sum()) for o in matching.objects.values()
    )
    if matching.dataset == "ovis" and unlabelled:
        notes.append(
            f"{unlabelled} of {len(objects)} objects have no occlusion label; "
            "they count in no occlusion group."
        )
    return notes
