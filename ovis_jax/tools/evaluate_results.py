"""Command line that scores results of any model against OVIS or YouTube-VIS ground truth.

    ovis-jax evaluate --annotations GT.json --results RESULTS.json [...]
        [--dataset ovis|ytvis] [--output metrics.json] [--details details.json] [--per-category]
        [--workers N] [--require-occlusion] [--class-agnostic] [--crowds-are-objects]
        [--ignore-unknown-categories] [--ignore-unknown-videos]

Prints a table. Several results files are compared with each other. Files may be packed (.gz, .zip).
Exit codes: 0 done, 2 bad input (a line on stderr for each problem).
"""

import argparse
import sys

from ovis_jax.evaluation import (
    Matching,
    compare,
    dropped_tracks,
    format_categories,
    format_comparison,
    format_table,
    match_details,
    match_results,
    score,
)
from ovis_jax.evaluation.summary import DATASETS
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.crowds import crowds_as_objects
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.result_heads import UNKNOWN
from ovis_jax.tools.annotation_flags import add_crowd_flag
from ovis_jax.tools.tool import ToolParser, run_tool, short_names


def main(arguments: list[str] | None = None) -> int:
    """Evaluates, prints, returns the exit code."""
    return run_tool(_parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: a file cannot be used, or the options do not fit together.
    """
    several = len(options.results) > 1
    if several and (options.output or options.details):
        raise InputError("--output and --details are about one results file; give one --results")
    systems = match_all(options)
    scores = [score(system) for system in systems]
    if options.output:
        write_json(options.output, scores[0].as_dict())
    if options.details:
        write_json(options.details, match_details(systems[0]))
    labels = short_names(options.results)
    for label, metrics in zip(labels, scores, strict=True):
        print(("\n" + label + "\n" if several else "") + format_table(metrics))
        if options.per_category:
            print("\n" + format_categories(metrics))
    if several:
        comparison = compare(systems, num_samples=options.samples, progress=True)
        print("\n" + format_comparison(comparison, labels))


def match_all(options: argparse.Namespace) -> list[Matching]:
    """Matches the tracks of each results file; the ground truth is read once."""
    annotations = options.annotations
    changed = options.require_occlusion or options.crowds_are_objects
    if len(options.results) > 1 or options.workers == 1 or changed:
        annotations = load_annotations(annotations)
    if options.crowds_are_objects:
        annotations = crowds_as_objects(annotations)
    if options.require_occlusion:
        check_occlusion(annotations)
    systems = []
    for results in options.results:
        matching = match_results(
            annotations,
            results,
            options.dataset,
            class_agnostic=options.class_agnostic,
            ignore_unknown=[kind for kind in UNKNOWN if vars(options)[f"ignore_unknown_{kind}"]],
            workers=options.workers,
            progress=True,
        )
        for text in dropped_tracks(matching):
            print((f"{results}: " if len(options.results) > 1 else "") + text)
        systems.append(matching)
    return systems


def check_occlusion(annotations: Annotations) -> None:
    """Looks that every object has an occlusion label; crowds need none.

    Raises:
      InputError: some have none; names them, up to a limit.
    """
    problems = Problems()
    for number, instance in enumerate(annotations.instances):
        if not instance.iscrowd and not any(instance.occlusion or ()):
            problems.add(
                f"{annotations.path}: annotations[{number}] (id {instance.id}): occlusion: "
                "expected a label in at least one frame"
            )
    problems.finish()


def _parser() -> argparse.ArgumentParser:
    parser = ToolParser(
        prog="ovis-jax evaluate",
        description="Average precision and recall of tracked object masks.",
    )
    parser.add_argument("--annotations", required=True, help="ground truth: .json, .json.gz, .zip")
    parser.add_argument(
        "--results",
        required=True,
        nargs="+",
        help="predicted tracks: .json, .json.gz, .zip; several files are compared with the first",
    )
    parser.add_argument(
        "--dataset",
        choices=DATASETS,
        default="ovis",
        help="ovis (default): 18 numbers; ytvis: the 12 without occlusion groups",
    )
    parser.add_argument("--output", help="file to write the numbers to, JSON")
    parser.add_argument("--details", help="file to write all matches at an IoU of 0.5 to, JSON")
    parser.add_argument(
        "--per-category", action="store_true", help="also print the numbers of each category"
    )
    parser.add_argument(
        "--workers", type=_positive, default=1, help="processes for one results file (default 1)"
    )
    parser.add_argument(
        "--samples",
        type=_positive,
        default=1000,
        help="draws of the videos for confidence intervals when comparing (default 1000)",
    )
    parser.add_argument(
        "--require-occlusion", action="store_true", help="fail where occlusion labels are missing"
    )
    parser.add_argument(
        "--ignore-unknown-categories",
        action="store_true",
        help="drop tracks of categories that the annotations lack, and say how many",
    )
    add_crowd_flag(parser)
    parser.add_argument(
        "--ignore-unknown-videos",
        action="store_true",
        help="drop tracks of videos that the annotations lack (results of more videos than the "
        "ground truth has), and say how many",
    )
    parser.add_argument(
        "--class-agnostic",
        action="store_true",
        help="do not look at categories: all tracks and objects are of one",
    )
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}, expected at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
