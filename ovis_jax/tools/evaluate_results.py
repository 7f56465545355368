"""Command line that scores results of any model against OVIS, YouTube-VIS or LV-VIS ground truth.

    ovis-jax evaluate --annotations GT.json --results RESULTS.json [...]
        [--long-annotations GT.json [--long-results RESULTS.json]] [--base-categories FILE]
        [--dataset ovis|ytvis] [--output metrics.json] [--details details.json] [--per-category]
        [--workers N] [--require-occlusion] [--class-agnostic] [--crowds-are-objects]
        [--ignore-unknown-categories] [--ignore-unknown-videos]

Prints a table. Several results files are compared with each other. Files may be packed (.gz, .zip).
Exit codes: 0 done, 2 bad input (a line on stderr for each problem).
"""

import argparse
import functools
import pathlib
import sys
from collections.abc import Sequence

from ovis_jax.evaluation import (
    PARTS,
    Matching,
    PartMetrics,
    compare,
    describe_dropped,
    dropped_tracks,
    format_categories,
    format_comparison,
    format_groups,
    format_part_categories,
    format_parts,
    format_table,
    match_details,
    match_parts,
    match_results,
    match_together,
    score,
)
from ovis_jax.formats.annotations import Annotations, load_annotations, load_header
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.category_groups import CategoryGroups, read_category_groups
from ovis_jax.formats.crowds import crowds_as_objects
from ovis_jax.formats.errors import Problems
from ovis_jax.formats.result_heads import ResultsOptions
from ovis_jax.formats.results import TrackResult
from ovis_jax.tools.evaluation_flags import check_options, evaluation_parser
from ovis_jax.tools.scoring_flags import ignored_unknown
from ovis_jax.tools.tool import run_tool, short_names


def main(arguments: list[str] | None = None) -> int:
    """Evaluates, prints, returns the exit code."""
    return run_tool(evaluation_parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: a file cannot be used, or the options do not fit together.
    """
    check_options(options)
    if options.long_annotations:
        score_parts(options)
    else:
        score_systems(options)


def score_systems(options: argparse.Namespace) -> None:
    """Scores each results file, and compares them if there are several."""
    several = len(options.results) > 1
    annotations = options.annotations
    if several or options.workers == 1 or _changes_truth(options):
        annotations = ground_truth(options, annotations)
    groups = _groups(options)
    systems = []
    for results in options.results:
        systems.append(match_one(options, annotations, results))
        for text in dropped_tracks(systems[-1]):
            print((f"{results}: " if several else "") + text)
    scores = [score(system) for system in systems]
    if options.output:
        write_json(options.output, scores[0].as_dict(groups))
    if options.details:
        write_json(options.details, match_details(systems[0]))
    labels = short_names(options.results)
    for label, metrics in zip(labels, scores, strict=True):
        print(("\n" + label + "\n" if several else "") + format_table(metrics))
        if groups:
            print("\n" + format_groups(metrics, groups))
        if options.per_category:
            print("\n" + format_categories(metrics))
    if several:
        comparison = compare(systems, num_samples=options.samples, progress=True)
        print("\n" + format_comparison(comparison, labels))


def score_parts(options: argparse.Namespace) -> None:
    """Scores short and long videos apart; prints both and their mean."""
    paths = (options.annotations, options.long_annotations)
    truth = {part: ground_truth(options, path) for part, path in zip(PARTS, paths, strict=True)}
    groups = _groups(options)
    match = functools.partial(match_one, options)
    if options.long_results:
        files = dict(zip(PARTS, (options.results[0], options.long_results), strict=True))
        systems = match_parts(truth, files, match)
        dropped = [f"{files[part]}: {t}" for part in PARTS for t in dropped_tracks(systems[part])]
    else:
        kinds = ResultsOptions(ignored_unknown(options), options.class_agnostic)
        systems, unknown = match_together(truth, options.results[0], kinds, match)
        dropped = describe_dropped(unknown, sum(own.num_tracks for own in systems.values()))
    metrics = PartMetrics({part: score(own) for part, own in systems.items()})
    if options.output:
        write_json(options.output, metrics.as_dict(groups))
    if options.details:
        write_json(options.details, {part: match_details(own) for part, own in systems.items()})
    tables = [*dropped, format_parts(metrics)]
    if groups:
        tables.append("\n" + format_groups(metrics, groups))
    if options.per_category:
        tables.append("\n" + format_part_categories(metrics))
    print("\n".join(tables))


def ground_truth(options: argparse.Namespace, path: str) -> Annotations:
    """Reads a ground-truth file and understands it as the options say.

    Raises:
      InputError: it cannot be used.
    """
    annotations = load_annotations(path)
    if options.crowds_are_objects:
        annotations = crowds_as_objects(annotations)
    if options.require_occlusion:
        check_occlusion(annotations)
    return annotations


def match_one(
    options: argparse.Namespace,
    annotations: Annotations | str,
    results: pathlib.Path | str | Sequence[TrackResult],
) -> Matching:
    """Matches the tracks of one results file, as the options say."""
    shared = options.workers > 1 and isinstance(results, str) and not _changes_truth(options)
    if shared and isinstance(annotations, Annotations) and len(options.results) == 1:
        annotations = annotations.path  # read again, by processes that share the work
    return match_results(
        annotations,
        results,
        options.dataset,
        class_agnostic=options.class_agnostic,
        ignore_unknown=ignored_unknown(options),
        workers=options.workers,
        progress=True,
    )


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


def _groups(options: argparse.Namespace) -> CategoryGroups | None:
    if not options.base_categories:
        return None
    categories = load_header(options.annotations).categories
    return read_category_groups(options.base_categories, categories)


def _changes_truth(options: argparse.Namespace) -> bool:
    """Whether the ground truth is not taken as it stands in its file, as several processes do."""
    return options.require_occlusion or options.crowds_are_objects


if __name__ == "__main__":
    sys.exit(main())
