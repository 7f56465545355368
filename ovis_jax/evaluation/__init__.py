"""Results to metrics. numpy and pycocotools only."""

from ovis_jax.evaluation.comparison import Comparison, compare
from ovis_jax.evaluation.details import match_details
from ovis_jax.evaluation.evaluator import (
    Matching,
    describe_dropped,
    dropped_tracks,
    evaluate,
    match_results,
    score,
)
from ovis_jax.evaluation.parts import PARTS, PartMetrics, match_parts, match_together
from ovis_jax.evaluation.summary import Metrics
from ovis_jax.evaluation.table import (
    format_categories,
    format_comparison,
    format_groups,
    format_part_categories,
    format_parts,
    format_table,
)

__all__ = [
    "Comparison",
    "Matching",
    "Metrics",
    "PARTS",
    "PartMetrics",
    "compare",
    "describe_dropped",
    "dropped_tracks",
    "evaluate",
    "format_categories",
    "format_comparison",
    "format_groups",
    "format_part_categories",
    "format_parts",
    "format_table",
    "match_details",
    "match_parts",
    "match_results",
    "match_together",
    "score",
]
