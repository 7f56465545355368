"""Command line that scores results of any model against OVIS or YouTube-VIS ground truth.

    python -m ovis_jax.tools.evaluate_results --annotations GT.json --results RESULTS.json
        [--dataset ovis|ytvis] [--output metrics.json] [--per-category]
        [--require-occlusion] [--ignore-unknown-categories]

Prints a table. Exit codes: 0 done, 2 bad input (one line on stderr).
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Iterator
from typing import NoReturn

from ovis_jax.evaluation import evaluate, format_categories, format_table
from ovis_jax.evaluation.summary import DATASETS
from ovis_jax.formats.annotations import Annotations, Category, load_annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.json_stream import open_json
from ovis_jax.formats.results import TrackResult, load_results

_NAME = "evaluate_results"


class _Parser(argparse.ArgumentParser):
    """Reports bad arguments as bad input: one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{_NAME}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Evaluates, prints, returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        annotations, results = load_annotations(options.annotations), options.results
        if options.require_occlusion:
            check_occlusion(annotations)
        if options.ignore_unknown_categories:
            results = load_known_results(results, annotations)
        metrics = evaluate(annotations, results, options.dataset)
        if options.output is not None:
            write_json(options.output, metrics.as_dict())
    except (InputError, OSError) as error:
        print(f"{_NAME}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(format_table(metrics))
    if options.per_category:
        print("\n" + format_categories(metrics))
    return 0


def check_occlusion(annotations: Annotations) -> None:
    """Looks that every object has an occlusion label; crowds need none.

    Raises:
      InputError: one has none.
    """
    for number, instance in enumerate(annotations.instances):
        if not instance.iscrowd and not any(instance.occlusion or ()):
            raise InputError(
                f"{annotations.path}: annotations[{number}] (id {instance.id}): occlusion: "
                "expected a label in at least one frame"
            )


def load_known_results(path: pathlib.Path | str, annotations: Annotations) -> list[TrackResult]:
    """Reads results and drops those of categories that the annotations lack; says how many."""
    known = {category.id for category in annotations.categories}
    others = {value for value in _category_ids(path) if type(value) is int} - known
    extended = (*annotations.categories, *(Category(value, str(value)) for value in others))
    results = load_results(path, dataclasses.replace(annotations, categories=extended))
    kept = [result for result in results if result.category_id in known]
    if len(kept) < len(results):
        unknown = ", ".join(map(str, sorted(others)))
        print(f"dropped {len(results) - len(kept)} tracks of the unknown categories {unknown}")
    return kept


def _category_ids(path: pathlib.Path | str) -> Iterator[object]:
    with open_json(path) as stream:
        if stream.peek() == "[":
            for record in stream.elements():
                yield record.get("category_id") if isinstance(record, dict) else None


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
    parser.add_argument(
        "--require-occlusion", action="store_true", help="fail where occlusion labels are missing"
    )
    parser.add_argument(
        "--ignore-unknown-categories",
        action="store_true",
        help="drop tracks of categories that the annotations lack, and say how many",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
