"""Results to metrics. numpy and pycocotools only."""

from ovis_jax.evaluation.evaluator import evaluate
from ovis_jax.evaluation.summary import Metrics
from ovis_jax.evaluation.table import format_categories, format_table

__all__ = ["Metrics", "evaluate", "format_categories", "format_table"]
