"""Statistics of data sets as text, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from ovis_jax.evaluation.groups import OCCLUSION_RANGES
from ovis_jax.statistics.counts import GROUPS, DatasetStatistics

_LABEL, _CELL = 40, 12


def format_statistics(datasets: Sequence[DatasetStatistics]) -> str:
    """One column for each data set, "-" where it has nothing to count.

    Rows of occlusion labels are left out where no data set has any.
    """
    rows = [_row("", [dataset.name for dataset in datasets], datasets)]
    labelled = any(dataset.has_occlusion for dataset in datasets)
    columns = [
        _cells(dataset) | (_occlusion_cells(dataset) if labelled else {}) for dataset in datasets
    ]
    rows += [_row(label, [column[label] for column in columns], datasets) for label in columns[0]]
    return "\n".join(rows)


def format_category_counts(dataset: DatasetStatistics) -> str:
    """One row for each category, those with most instances first."""
    counts = sorted(dataset.category_counts(), key=lambda count: -count["instances"])
    fields = ("instances", "masks", "videos")
    width = max([len(count["name"]) for count in counts] + [len("category")]) + 2
    lines = ["category".ljust(width) + "".join(field.rjust(11) for field in fields)]
    for count in counts:
        cells = "".join(f"{count[field]:,}".rjust(11) for field in fields)
        lines.append(count["name"].ljust(width) + cells)
    return "\n".join(lines)


def _cells(dataset: DatasetStatistics) -> dict[str, str]:
    """The rows of Table 1 and of crossings."""
    values = dataset.as_dict()
    whole = (
        *("masks", "instances", "categories", "categories_with_instances"),
        *("videos", "frames", "annotated_frames"),
    )
    cells = {field.replace("_", " "): _whole(values[field]) for field in whole}
    return cells | {
        "video duration, s": _decimals(values["video_duration"], 2),
        "instance duration, s": _decimals(values["instance_duration"], 2),
        "mBOR": _decimals(values["mBOR"], 3),
        "objects per frame": _decimals(values["objects_per_frame"], 2),
        "instances per video": _decimals(values["instances_per_video"], 2),
        "pairs of instances that cross": _percent(values["crossing_rate"]),
    }


def _occlusion_cells(dataset: DatasetStatistics) -> dict[str, str]:
    """The rows of the occlusion labels."""
    values = dataset.as_dict()
    cells = {
        "labels: no occlusion": _percent(values["no_occlusion"]),
        "labels: slight occlusion": _percent(values["slight_occlusion"]),
        "labels: severe occlusion": _percent(values["severe_occlusion"]),
        "instances severely occluded in a frame": _percent(values["severely_occluded_once"]),
        "instances never occluded": _percent(values["never_occluded"]),
    }
    groups = values.get("occlusion_groups")
    for name in GROUPS:
        low, high = OCCLUSION_RANGES[name]
        label = f"instances of {name}, score {low:g} to {high:g}"
        cells[label] = _whole(groups[name] if groups else None)
    return cells


def _row(label: str, cells: Sequence[str], datasets: Sequence[DatasetStatistics]) -> str:
    widths = [max(_CELL, len(dataset.name) + 2) for dataset in datasets]
    parts = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    return (label.ljust(_LABEL) + "".join(parts)).rstrip()


def _whole(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _decimals(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
