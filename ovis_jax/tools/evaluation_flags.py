"""The command line of `evaluate_results`."""

import argparse

from ovis_jax.evaluation.summary import DATASETS
from ovis_jax.formats.errors import InputError
from ovis_jax.tools.annotation_flags import add_crowd_flag
from ovis_jax.tools.scoring_flags import add_samples, add_scored_files, add_unknown_flags
from ovis_jax.tools.tool import ToolParser, at_least


def evaluation_parser() -> argparse.ArgumentParser:
    """Reads the options; what they must not be together, `check_options` says."""
    parser = ToolParser(
        prog="ovis-jax evaluate",
        description="Average precision and recall of tracked object masks.",
    )
    _add_files(parser)
    parser.add_argument(
        "--dataset",
        choices=DATASETS,
        default="ovis",
        help="ovis (default): 18 numbers; ytvis: the 12 without occlusion groups",
    )
    parser.add_argument(
        "--base-categories",
        metavar="FILE",
        help="also print the means over base and over novel categories; a name or id a line, JSON, "
        "or an LV-VIS annotation file",
    )
    parser.add_argument("--output", help="file to write the numbers to, JSON")
    parser.add_argument("--details", help="file to write all matches at an IoU of 0.5 to, JSON")
    parser.add_argument(
        "--per-category", action="store_true", help="also print the numbers of each category"
    )
    parser.add_argument(
        "--workers", type=at_least(1), default=1, help="processes for one results file (default 1)"
    )
    add_samples(parser)
    parser.add_argument(
        "--require-occlusion", action="store_true", help="fail where occlusion labels are missing"
    )
    add_unknown_flags(parser)
    add_crowd_flag(parser)
    parser.add_argument(
        "--class-agnostic",
        action="store_true",
        help="do not look at categories: all tracks and objects are of one",
    )
    return parser


def check_options(options: argparse.Namespace) -> None:
    """Raises InputError if options do not fit together."""
    several = len(options.results) > 1
    if several and (options.output or options.details):
        raise InputError("--output and --details are about one results file; give one --results")
    if options.long_results and not options.long_annotations:
        raise InputError("--long-results: expected --long-annotations, too")
    if several and options.long_annotations:
        raise InputError(
            "--long-annotations is about one system; give one --results, and the results of the "
            "long videos as --long-results if they are in another file"
        )
    if options.base_categories and options.class_agnostic:
        raise InputError("--base-categories and --class-agnostic exclude each other")


def _add_files(parser: argparse.ArgumentParser) -> None:
    add_scored_files(parser)
    parser.add_argument(
        "--long-annotations",
        metavar="FILE",
        help="ground truth of long videos, scored apart from those of --annotations; the means of "
        "both are printed, too (YouTube-VIS 2022)",
    )
    parser.add_argument(
        "--long-results",
        metavar="FILE",
        help="tracks of the long videos, if they are not in --results with the others",
    )
