"""Results to metrics. numpy and pycocotools only."""

from ovis_jax.evaluation.evaluate import DATASETS, evaluate
from ovis_jax.evaluation.summary import Metrics, format_table

__all__ = ["DATASETS", "Metrics", "evaluate", "format_table"]
