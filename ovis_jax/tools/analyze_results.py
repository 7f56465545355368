"""Command line that says why results of any model score as they do.

    ovis-jax analyze --annotations GT.json --results RESULTS.json [...]
        --output DIR [--names A B ...] [--images DIR] [--samples N] [--crowds-are-objects]
        [--ignore-unknown-categories] [--ignore-unknown-videos]

DIR gets `report.html`, one page that needs nothing beside it, the same as `report.md` and
`report.json`, and a CSV file of every table. Several results files are also compared with each
other. With the frames of the videos (--images), places that tables name are drawn and linked.
Exit codes: 0 done, 2 bad input (a line on stderr for each problem).
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from ovis_jax.analysis.analyze import SystemReport, analyze, compare_systems, report_system
from ovis_jax.analysis.report.files import write_report
from ovis_jax.evaluation.annotated_frames import in_annotated_frames
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.crowds import crowds_as_objects
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.result_heads import ResultsOptions
from ovis_jax.formats.results import ReadResults, read_results
from ovis_jax.tools.output_paths import check_output
from ovis_jax.tools.results_options import analyze as parser
from ovis_jax.tools.scoring_flags import (
    ignored_unknown,
)
from ovis_jax.tools.tool import file_labels, run_tool
from ovis_jax.tools.viewer_links import (
    DrawnVideos,
    draw_videos,
    named_videos,
    place_link,
    viewer_folder,
)

COMPARISON = "comparison"


def main(arguments: list[str] | None = None) -> int:
    """Analyses, writes, returns the exit code."""
    return run_tool(parser(), lambda options: print(f"wrote {run(options)}"), arguments)


def run(options: argparse.Namespace) -> pathlib.Path:
    """Does what the options say; the page.

    Raises:
      InputError: a file cannot be used, or the options do not fit together.
    """
    labels = _labels(options)
    check_output(options.output)
    annotations = load_annotations(options.annotations)
    annotations.check_ground_truth("to analyse results with")
    if options.crowds_are_objects:
        annotations = crowds_as_objects(annotations)
    if options.images:
        annotations.check_frames(options.images)
    reports, notes = _analyze_all(annotations, options, labels)
    drawn = _draw(annotations, options, labels, reports) if options.images else {}
    intro = [
        f"Ground truth: {pathlib.PurePath(options.annotations).name}, "
        f"{len(annotations.videos)} videos, {len(annotations.instances)} annotated objects.",
        *notes,
    ]
    return write_report(options.output, "Analysis of results", intro, reports, place_link(drawn))[0]


def _analyze_all(
    annotations: Annotations, options: argparse.Namespace, labels: Sequence[str]
) -> tuple[list[SystemReport], list[str]]:
    """Reports of all systems, the comparison first, and lines about what was read."""
    systems, notes = [], []
    for label, path in zip(labels, options.results, strict=True):
        read = _read(path, annotations, options)
        notes.append(_note(label, read))
        systems.append(analyze(annotations, read.tracks, progress=label))
    reports = [report_system(*own) for own in zip(labels, systems, strict=True)]
    if len(systems) > 1:
        number = len(annotations.videos)
        reports.insert(0, compare_systems(labels, systems, number, options.samples))
    return reports, notes


def _read(path: str, annotations: Annotations, options: argparse.Namespace) -> ReadResults:
    kinds = ResultsOptions(ignored_unknown(options))
    read = read_results(path, annotations, kinds, progress=True)
    return in_annotated_frames(read, annotations.videos)


def _draw(
    annotations: Annotations,
    options: argparse.Namespace,
    labels: Sequence[str],
    reports: Sequence[SystemReport],
) -> dict[str, DrawnVideos]:
    """Draws what tables name, once for each system; a comparison shows the first one."""
    ids, drawn = named_videos(reports), {}
    for label, path in zip(labels, options.results, strict=True) if ids else ():
        folder = viewer_folder(label, labels)
        tracks = _read(path, annotations, options).tracks
        draw_videos(annotations, options.images, tracks, ids, options.output / folder)
        drawn[label] = DrawnVideos(folder, ids)
    return drawn | ({COMPARISON: drawn[labels[0]]} if ids else {})


def _note(label: str, read: ReadResults) -> str:
    dropped = [
        f"{counts.total()} of unknown {kind}" for kind, counts in read.dropped.items() if counts
    ]
    left = f"; left out: {', '.join(dropped)}" if dropped else ""
    return f"{label}: {len(read.tracks)} tracks{left}."


def _labels(options: argparse.Namespace) -> list[str]:
    paths = options.results
    labels = options.names or file_labels(paths)
    if len(labels) != len(paths):
        raise InputError(f"--names: {len(labels)}, expected {len(paths)}, one for each file")
    if len({*labels, COMPARISON}) <= len(labels):
        raise InputError(
            f"--names: expected different names, none of them {COMPARISON!r}, are "
            + ", ".join(labels)
        )
    return list(labels)


if __name__ == "__main__":
    sys.exit(main())
