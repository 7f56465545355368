"""Figures 3 to 5 of the OVIS paper, for any data sets."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.atomic import open_atomic
from ovis_jax.statistics.counts import GROUPS, DatasetStatistics

LEVEL_COLORS = ("#4daf4a", "#f2c530", "#e04b3a")  # green, yellow, red, as in the paper's Figure 2
_COLORS = ("#3566a8", "#e08a2e", "#3f9b76", "#a5528f", "#7a6a55", "#58a8c7")
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.prop_cycle": mpl.cycler(color=_COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "ovis_jax",  # the same statistics give the same file
}
_DURATION_BINS, _MOST_BINS = 14, 24
_NARROW = 0.08  # share that is too small for its number
_TEXT_WIDTH = 0.035  # of a letter, as a share
_TAIL = 0.99  # of the values that have bins of their own; the last bin holds what is beyond


def draw_distributions(datasets: Sequence[DatasetStatistics]) -> Figure:
    """Figure 3: durations, box occlusion rates, instances per video, objects per frame."""
    figure = Figure(figsize=(10, 6.5))
    axes = figure.subplots(2, 2).ravel()
    durations = [d.instance_frames / d.frame_rate for d in datasets]
    axes[0].set(title="Instance duration", xlabel="seconds", ylabel="share of instances")
    _draw_shares(axes[0], durations, _duration_edges(durations))
    rates = [d.box_occlusion_rates[~np.isnan(d.box_occlusion_rates)] for d in datasets]
    axes[1].set(title="Box occlusion rate", xlabel="BOR", ylabel="share of frames with objects")
    _draw_shares(axes[1], rates, np.linspace(0, 1, 11))
    instances = [d.video_instances for d in datasets]
    axes[2].set(title="Instances per video", xlabel="instances", ylabel="share of videos")
    _draw_shares(axes[2], instances, _whole_edges(instances))
    objects = [d.frame_objects for d in datasets]
    axes[3].set(title="Objects per frame", xlabel="objects", ylabel="share of frames")
    _draw_shares(axes[3], objects, _whole_edges(objects))
    if len(datasets) > 1:
        names = [dataset.name for dataset in datasets]
        figure.legend(axes[0].containers, names, loc="outside upper center", ncols=len(names))
    return figure


def draw_categories(datasets: Sequence[DatasetStatistics]) -> Figure:
    """Figure 4: instances of each category, one panel for each data set."""
    widest = max(len(dataset.categories) for dataset in datasets)
    figure = Figure(figsize=(max(6, 0.32 * widest + 1), 3.2 * len(datasets)))
    panels = figure.subplots(len(datasets), 1, squeeze=False)[:, 0]
    for number, (panel, dataset) in enumerate(zip(panels, datasets, strict=True)):
        counts = sorted(dataset.category_counts(), key=lambda count: -count["instances"])
        heights = [count["instances"] for count in counts]
        bars = panel.bar(range(len(counts)), heights, color=_COLORS[number % len(_COLORS)])
        panel.bar_label(bars, fontsize=7, padding=1)
        names = [count["name"].replace("_", " ") for count in counts]
        panel.set_xticks(range(len(counts)), names, rotation=45, ha="right", rotation_mode="anchor")
        panel.set_xlim(-0.7, len(counts) - 0.3)
        panel.set(title=f"{dataset.name}: instances per category", ylabel="instances")
    return figure


def draw_occlusion(datasets: Sequence[DatasetStatistics]) -> Figure:
    """Figure 5: occlusion levels, groups of instances, and how many are ever severely occluded.

    Args:
      datasets: those with occlusion labels, at least one.
    """
    figure = Figure(figsize=(11, 1.5 + 0.8 * len(datasets)))
    panels = figure.subplots(1, 3, sharey=True)
    levels = np.array([list(dataset.level_shares().values()) for dataset in datasets])
    _draw_stacked(panels[0], levels)
    panels[0].set(title="Occlusion levels", xlabel="share of labels")
    groups = np.array([_group_shares(dataset) for dataset in datasets])
    _draw_grouped(panels[1], groups, GROUPS, LEVEL_COLORS)
    panels[1].set(title="Occlusion groups", xlabel="share of instances")
    shares = np.array([list(dataset.instance_shares().values()) for dataset in datasets])
    _draw_grouped(panels[2], shares, ("severe in some frame", "never occluded"), LEVEL_COLORS[::-2])
    panels[2].set(title="Extremes", xlabel="share of instances")
    panels[0].set_yticks(range(len(datasets)), [dataset.name for dataset in datasets])
    panels[0].invert_yaxis()
    for panel in panels:
        panel.grid(False, axis="y")
        panel.grid(True, axis="x")
        panel.set_xticks(np.linspace(0, 1, 6))
        panel.xaxis.set_major_formatter(PercentFormatter(1))
        panel.tick_params(axis="y", length=0)
    names = [name.replace("_", " ") for name in OCCLUSION_LEVELS]
    figure.legend(
        panels[0].containers, names, loc="outside lower left", ncols=len(OCCLUSION_LEVELS)
    )
    return figure


def write_plots(
    datasets: Sequence[DatasetStatistics], folder: pathlib.Path | str
) -> list[pathlib.Path]:
    """Draws all figures that there are numbers for, as PNG and SVG files; returns their paths."""
    known = [dataset for dataset in datasets if dataset.has_ground_truth]
    labelled = [dataset for dataset in known if dataset.has_occlusion]
    drawings = [
        ("distributions", draw_distributions, known),
        ("categories", draw_categories, known),
        ("occlusion", draw_occlusion, labelled),
    ]
    paths = []
    for name, draw, those in drawings:
        if not those:
            continue
        with mpl.rc_context(_STYLE):
            figure = draw(those)
            for kind, metadata in (("png", {}), ("svg", {"Date": None})):
                path = pathlib.Path(folder) / f"{name}.{kind}"
                with open_atomic(path, "wb") as file:
                    figure.savefig(file, format=kind, dpi=160, metadata=metadata)
                paths.append(path)
    return paths


def _draw_shares(panel: Axes, values: Sequence[np.ndarray], edges: np.ndarray) -> None:
    """Bars of the data sets side by side in each bin, and their means above.

    The last bin holds what is beyond it too; the label of the axis then says so.
    """
    centers, bin_width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    width = 0.84 * bin_width / len(values)
    for number, own in enumerate(values):
        counts = np.histogram(np.minimum(own, centers[-1]), edges)[0]
        places = centers + (number - (len(values) - 1) / 2) * width
        color = _COLORS[number % len(_COLORS)]
        panel.bar(places, counts / max(len(own), 1), width, color=color)
        if len(own):
            _draw_mean(panel, own.mean(), number, color)
    panel.set_ylim(top=panel.get_ylim()[1] * (1.05 + 0.06 * len(values)))
    panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panel.xaxis.set_major_locator(MaxNLocator(12, integer=bin_width >= 1))
    if max((own.max() for own in values if len(own)), default=0) > edges[-1]:
        first = edges[-2] - edges[0]  # bins of whole numbers begin half a number below 0
        panel.set_xlabel(f"{panel.get_xlabel()} (last bar: {first:g} and more)")


def _draw_mean(panel: Axes, mean: float, line: int, color: str) -> None:
    panel.axvline(mean, color=color, linestyle=(0, (4, 2)), linewidth=1.2)
    panel.annotate(
        f"mean {mean:.3g}",
        (mean, 1),
        (3, -8 - 10 * line),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=color,
        fontsize=8,
    )


def _draw_stacked(panel: Axes, shares: np.ndarray) -> None:
    """One bar for each row of [data sets, 3] shares of the occlusion levels."""
    left = np.cumsum(shares, axis=1) - shares
    for level, color in enumerate(LEVEL_COLORS):
        own = shares[:, level]
        bars = panel.barh(range(len(shares)), own, 0.7, left[:, level], color=color)
        texts = [f"{100 * share:.0f} %" if share > _NARROW else "" for share in own]
        panel.bar_label(bars, texts, label_type="center", fontsize=8)


def _draw_grouped(
    panel: Axes, shares: np.ndarray, names: Sequence[str], colors: Sequence[str]
) -> None:
    """A bar with its name for each of [data sets, groups] shares."""
    height = 0.7 / len(names)
    for group, (name, color) in enumerate(zip(names, colors, strict=True)):
        places = np.arange(len(shares)) + (group - (len(names) - 1) / 2) * height
        bars = panel.barh(places, shares[:, group], 0.92 * height, color=color)
        texts = [f"{name} {100 * share:.0f} %" for share in shares[:, group]]
        panel.bar_label(bars, texts, padding=3, fontsize=8)
    panel.set_xlim(0, max(1, shares.max() + _TEXT_WIDTH * max(map(len, names))))


def _group_shares(dataset: DatasetStatistics) -> list[float]:
    """Share of the labelled instances in each group; they add up to more than 1 with borders."""
    num_labelled = max(int((~np.isnan(dataset.occlusion_scores)).sum()), 1)
    counts = dataset.group_counts()
    return [counts[name] / num_labelled for name in GROUPS]


def _duration_edges(values: Sequence[np.ndarray]) -> np.ndarray:
    """Bins of a round number of seconds up to nearly the longest."""
    limit = _limit(values)
    steps = [step * 10.0**power for power in range(-2, 4) for step in (1, 2, 2.5, 5)]
    step = next((s for s in steps if s * _DURATION_BINS >= limit), steps[-1])
    return step * np.arange(max(1, int(np.ceil(limit / step))) + 1)


def _whole_edges(values: Sequence[np.ndarray]) -> np.ndarray:
    """Bins around whole numbers, or around several of them if there are many."""
    limit = int(_limit(values))
    step = limit // _MOST_BINS + 1
    return np.arange(-0.5, limit + step, step)


def _limit(values: Sequence[np.ndarray]) -> float:
    limits = [np.quantile(own, _TAIL, method="higher") for own in values if len(own)]
    return float(max(limits, default=1))
