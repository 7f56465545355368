"""Command line that says what data sets hold and how occluded they are, side by side.

    ovis-jax statistics --annotations A.json [B.json ...]
        [--names A B ...] [--frame-rate RATE ...] [--per-category] [--output DIR]
        [--crowds-are-objects] [--boxes-from-masks]

Prints Table 1 of the OVIS paper for the data sets given. DIR gets `statistics.json` and plots, PNG
and SVG. Files may be packed (.gz, .zip). Exit codes: 0 done, 2 bad input (one line on stderr).
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from tqdm import tqdm

from ovis_jax.formats.annotation_options import (
    AnnotationOptions,
    with_chosen_boxes,
    with_chosen_crowds,
)
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.statistics.counts import FRAME_RATE, DatasetStatistics, measure_dataset
from ovis_jax.statistics.table import format_category_counts, format_statistics
from ovis_jax.tools.annotation_flags import (
    add_box_flag,
    add_crowd_flag,
    annotation_options,
    warn,
)
from ovis_jax.tools.tool import ToolParser, run_tool, short_names


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, returns the exit code."""
    return run_tool(_parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: a file or an option cannot be used.
    """
    paths = options.annotations
    names = options.names or (
        short_names(paths) if len(paths) > 1 else [pathlib.PurePath(paths[0]).name]
    )
    rates = _for_each(options.frame_rate, len(paths))
    _check(paths, names, options.output)
    measured, chosen = zip(paths, names, rates, strict=True), annotation_options(options)
    datasets = [_measure(path, name, rate, chosen) for path, name, rate in measured]
    print(format_statistics(datasets))
    shown = sorted(set(rates))
    print(f"\nDurations take {', '.join(f'{rate:g}' for rate in shown)} frames a second.")
    known = [dataset for dataset in datasets if dataset.has_ground_truth]
    for dataset in datasets:
        if dataset not in known:
            print(
                f"{dataset.name}: its annotations are null or missing, so there are no instances "
                "to count."
            )
    for dataset in known if options.per_category else []:
        print(f"\n{dataset.name}\n{format_category_counts(dataset)}")
    if options.output:
        print("\nwrote " + ", ".join(map(str, write_statistics(datasets, options.output))))


def write_statistics(
    datasets: Sequence[DatasetStatistics], folder: pathlib.Path
) -> list[pathlib.Path]:
    """Writes numbers and plots; returns their paths.

    Raises:
      InputError: matplotlib is missing, which the numbers do without; they have been written.
    """
    write_json(folder / "statistics.json", [dataset.as_dict() for dataset in datasets])
    try:
        from ovis_jax.statistics.plots import write_plots
    except ModuleNotFoundError as error:
        raise InputError(
            f"{folder}: statistics.json was written, but no plots: {error.name} is not installed"
        ) from None
    return [folder / "statistics.json", *write_plots(datasets, folder)]


def _measure(
    path: str, name: str, frame_rate: float, options: AnnotationOptions
) -> DatasetStatistics:
    with tqdm(desc=f"{name}: read", unit="object", disable=None, leave=False) as bar:
        annotations = load_annotations(path, bar.update)
    annotations = with_chosen_crowds(annotations, options, warn)
    annotations = with_chosen_boxes(annotations, options, warn)
    total = len(annotations.videos)
    with tqdm(desc=name, unit="video", total=total, disable=None, leave=False) as bar:
        return measure_dataset(annotations, name, frame_rate, bar.update)


def _check(paths: Sequence[str], names: Sequence[str], output: pathlib.Path | None) -> None:
    """Looks at what can be seen without reading the files."""
    for path in paths:
        if not pathlib.Path(path).is_file():
            raise InputError(f"{path}: no such file, expected annotations")
    if len(names) != len(paths):
        raise InputError(f"--names: {len(names)}, expected {len(paths)}, one for each file")
    if len(set(names)) < len(names):
        raise InputError("--names: two data sets have the same name")
    if output and output.exists() and not output.is_dir():
        raise InputError(f"{output}: expected a folder, is a file")


def _for_each(rates: Sequence[float], count: int) -> list[float]:
    if len(rates) not in (1, count):
        raise InputError(f"--frame-rate: {len(rates)}, expected 1 or {count}, one for each file")
    return list(rates) * (count if len(rates) == 1 else 1)


def _parser() -> argparse.ArgumentParser:
    parser = ToolParser(
        prog="ovis-jax statistics",
        description="Counts, durations and occlusion of annotated videos.",
    )
    parser.add_argument(
        "--annotations", required=True, nargs="+", help="OVIS or YouTube-VIS: .json, .json.gz, .zip"
    )
    parser.add_argument("--names", nargs="+", help="what the data sets are called")
    parser.add_argument(
        "--frame-rate",
        type=_rate,
        nargs="+",
        default=[FRAME_RATE],
        help="annotated frames a second, for durations: one for all or one for each file "
        f"(default {FRAME_RATE:g}, true of YouTube-VIS)",
    )
    parser.add_argument(
        "--per-category", action="store_true", help="also print the counts of each category"
    )
    parser.add_argument(
        "--output", type=pathlib.Path, help="folder for statistics.json and the plots"
    )
    add_crowd_flag(parser)
    add_box_flag(parser)
    return parser


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}, expected a positive number")
    return value


if __name__ == "__main__":
    sys.exit(main())
