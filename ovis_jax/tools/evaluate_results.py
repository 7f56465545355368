"""Command line that scores results of any model against OVIS or YouTube-VIS ground truth.

    python -m ovis_jax.tools.evaluate_results --annotations GT.json --results RESULTS.json

Prints a table. Exit codes: 0 done, 2 bad input (one line on stderr).
"""

import argparse
import sys
from typing import NoReturn

from ovis_jax.evaluation import evaluate, format_categories, format_table
from ovis_jax.evaluation.summary import DATASETS
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError

_NAME = "evaluate_results"


class _Parser(argparse.ArgumentParser):
    """Reports bad arguments as bad input: one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{_NAME}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Evaluates, prints, returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        metrics = evaluate(options.annotations, options.results, options.dataset)
        if options.output is not None:
            write_json(options.output, metrics.as_dict())
    except (InputError, OSError) as error:
        print(f"{_NAME}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(format_table(metrics))
    if options.per_category:
        print("\n" + format_categories(metrics))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_NAME, description="Average precision and recall of tracked object masks."
    )
    parser.add_argument("--annotations", required=True, help="ground truth, JSON")
    parser.add_argument("--results", required=True, help="predicted tracks, JSON")
    parser.add_argument(
        "--dataset",
        choices=DATASETS,
        default="ovis",
        help="ovis (default): 18 numbers; ytvis: the 12 without occlusion groups",
    )
    parser.add_argument("--output", help="file to write the numbers to, JSON")
    parser.add_argument(
        "--per-category", action="store_true", help="also print the numbers of each category"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
