"""What the splits of a data set hold, as a table and as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.harness.datasets import ANNOTATIONS
from experiments.harness.experiment import Findings, Outcome
from experiments.harness.means import THEIRS
from ovis_jax.analysis.sections import Axis, Bars, Column, Curves, Line, Plot, Table
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.statistics.counts import GROUPS, DatasetStatistics, measure_dataset

WHOLE = ("masks", "instances", "categories", "videos", "frames")
MEANS = ("video_duration", "instance_duration", "mBOR", "objects_per_frame", "instances_per_video")
SHARES = (*OCCLUSION_LEVELS, "severely_occluded_once", "never_occluded", "crossing_rate")
_SPLITS = ("training", "validation")
_BINS = 12


def dataset_statistics(outcome: Outcome) -> Findings:
    """Counts, durations and occlusion of each split that has ground truth."""
    splits = []
    for name, field in zip(_SPLITS, ANNOTATIONS, strict=True):
        annotations = load_annotations(outcome.places[field])
        if annotations.has_ground_truth:
            splits.append(measure_dataset(annotations, name))
    paper = outcome.experiment.paper.rows if outcome.dataset.of_paper else {}
    plots = [*_distributions(splits), *map(_categories, splits), *_occlusion(splits)]
    values = {own.name: own.as_dict() for own in splits}
    return Findings([_table(splits, paper)], plots, _lines(splits), values)


def _table(splits: Sequence[DatasetStatistics], paper: Mapping[str, Mapping[str, float]]) -> Table:
    found = [own.as_dict() for own in splits]
    rows = []
    for name in (*WHOLE, *MEANS, *SHARES):
        cells = [own[name] for own in found] + [own.get(name) for own in paper.values()]
        if any(cell is not None for cell in cells):
            rows.append([name.replace("_", " "), *(_shown(name, cell) for cell in cells)])
    heads = [Column(own.name) for own in splits] + [Column(f"{k} ({THEIRS})") for k in paper]
    note = "Durations in seconds, at 6 annotated frames a second; rates and shares of 1."
    return Table("datasets", "What the data hold", [Column(""), *heads], rows, note)


def _shown(name: str, value: float | None) -> str | None:
    if value is None:
        return None
    if name in WHOLE:
        return f"{value:,}"
    return f"{value:.3f}" if name in SHARES or name == "mBOR" else f"{value:.2f}"


def _distributions(splits: Sequence[DatasetStatistics]) -> list[Plot]:
    """Figure 3."""
    if not splits:
        return []
    rates = [own.box_occlusion_rates[~np.isnan(own.box_occlusion_rates)] for own in splits]
    durations = [own.instance_frames / own.frame_rate for own in splits]
    longest = max((own.max() for own in durations if own.size), default=0) or 1
    return [
        _histogram(
            splits, durations, np.linspace(0, longest, _BINS + 1), "Instance duration", "seconds"
        ),
        _histogram(splits, rates, np.linspace(0, 1, 11), "Box occlusion rate", "BOR"),
        _histogram(
            splits,
            [own.video_instances for own in splits],
            None,
            "Instances per video",
            "instances",
        ),
        _histogram(
            splits, [own.frame_objects for own in splits], None, "Objects per frame", "objects"
        ),
    ]


def _histogram(
    splits: Sequence[DatasetStatistics],
    values: Sequence[np.ndarray],
    edges: np.ndarray | None,
    title: str,
    label: str,
) -> Curves:
    """Shares of the values in bins; without edges, of each whole number."""
    if edges is None:
        most = max((int(own.max()) for own in values if own.size), default=1)
        edges = np.arange(most + 2) - 0.5
    centers = ((edges[:-1] + edges[1:]) / 2).tolist()
    lines = [
        Line(own.name, centers, (np.histogram(v, edges)[0] / max(v.size, 1)).tolist())
        for own, v in zip(splits, values, strict=True)
    ]
    return Curves(title, Axis(label), Axis("share", "%"), lines)


def _categories(split: DatasetStatistics) -> Bars:
    """Figure 4."""
    counts = sorted(split.category_counts(), key=lambda own: -own["instances"])
    return Bars(
        f"Instances of each category, {split.name}",
        Axis("instances"),
        [own["name"] for own in counts],
        {"instances": [own["instances"] for own in counts]},
    )


def _occlusion(splits: Sequence[DatasetStatistics]) -> list[Plot]:
    """Figure 5, of the splits with occlusion labels."""
    known = [own for own in splits if own.has_occlusion]
    if not known:
        return []
    names = [own.name for own in known]
    levels = {
        level.replace("_", " "): [own.level_shares()[level] for own in known]
        for level in OCCLUSION_LEVELS
    }
    groups = {
        group: [own.group_counts()[group] / max(len(own.labels), 1) for own in known]
        for group in GROUPS
    }
    extremes = {
        name.replace("_", " "): [own.instance_shares()[name] for own in known]
        for name in ("severely_occluded_once", "never_occluded")
    }
    return [
        Bars("Occlusion levels of objects in frames", Axis("share of labels", "%"), names, levels),
        Bars("Occlusion groups of instances", Axis("share of instances", "%"), names, groups),
        Bars("Extremes", Axis("share of instances", "%"), names, extremes),
    ]


def _lines(splits: Sequence[DatasetStatistics]) -> list[str]:
    return [
        f"{own.name}: {own.means()['instances_per_video']:.2f} instances a video, "
        f"{own.means()['objects_per_frame']:.2f} objects a frame, mBOR {own.means()['mBOR']:.3f}."
        for own in splits
    ]
