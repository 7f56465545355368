"""Options of command lines that hold results of any model against ground truth."""

import argparse

from ovis_jax.formats.result_heads import UNKNOWN
from ovis_jax.tools.tool import at_least


def add_scored_files(parser: argparse.ArgumentParser) -> None:
    """Adds --annotations and --results."""
    parser.add_argument("--annotations", required=True, help="ground truth: .json, .json.gz, .zip")
    parser.add_argument(
        "--results",
        required=True,
        nargs="+",
        help="predicted tracks: .json, .json.gz, .zip; several files are compared with the first",
    )


def add_samples(parser: argparse.ArgumentParser) -> None:
    """Adds --samples."""
    parser.add_argument(
        "--samples",
        type=at_least(1),
        default=1000,
        help="draws of the videos for confidence intervals when comparing (default 1000)",
    )


def add_unknown_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --ignore-unknown-videos and --ignore-unknown-categories."""
    for kind in UNKNOWN:
        parser.add_argument(
            f"--ignore-unknown-{kind}",
            action="store_true",
            help=f"drop tracks of {kind} that the annotations lack, and say how many",
        )


def ignored_unknown(options: argparse.Namespace) -> frozenset[str]:
    """Of `UNKNOWN`, what the flags name."""
    return frozenset(kind for kind in UNKNOWN if vars(options)[f"ignore_unknown_{kind}"])
