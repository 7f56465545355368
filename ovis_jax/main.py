"""Trains, evaluates and predicts: `ovis-jax train --config NAME --workdir DIR`."""

import argparse
import functools
import json
import sys
from collections.abc import Sequence

from absl import logging
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.checkpoints.folders import has_checkpoint
from ovis_jax.data.from_config import annotation_options
from ovis_jax.evaluation import evaluate, format_table
from ovis_jax.formats.annotation_options import with_chosen_crowds
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.predict import check_categories, load_model, predict
from ovis_jax.program import cluster, command_line
from ovis_jax.program.accelerators import warn_of_unused_accelerators
from ovis_jax.program.configurations import read_configuration
from ovis_jax.program.start import start
from ovis_jax.program.workdir import Workdir
from ovis_jax.tools.options import train as parser
from ovis_jax.train import train
from ovis_jax.training.metrics import Diverged
from ovis_jax.visualization.overlays import write_overlays


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says, returns the exit code."""
    options, settings = parser().parse_with_settings(arguments)
    return command_line.run(lambda: join_and_run(options, settings), expected=(Diverged,))


def join_and_run(options: argparse.Namespace, settings: Sequence[str]) -> None:
    """Does what the options say, alone or as one process of a cluster."""
    config = read_configuration(options.config, settings)
    start(config.matmul_precision)
    addresses = options.coordinator, options.num_processes, options.process_id
    if not options.distributed and addresses == (None, None, None):
        return run(config, options.workdir, options.mode)
    cluster.join(*addresses)
    try:
        run(config, options.workdir, options.mode)
    except Exception as error:
        cluster.leave(error, expected=(Diverged,))


def run(config: ConfigDict, workdir: str, mode: str) -> None:
    """Trains, predicts and evaluates, as the mode says.

    Args:
      config: whole configuration.
      workdir: folder of the run.
      mode: one of MODES.
    """
    warn_of_unused_accelerators()
    workdir = Workdir(workdir, json.loads(config.to_json()))
    annotations = None if mode == "train" else eval_annotations(config, mode)
    if mode in ("train", "train_and_evaluate"):
        if not train(config, workdir, functools.partial(metrics_during_training, annotations)):
            return
    if mode != "train":
        trained = has_checkpoint(workdir.checkpoints) or not config.train.init_checkpoint
        model = load_model(config, workdir.checkpoints if trained else config.train.init_checkpoint)
        workdir.claim(trains=False)
        records = predict(*model, annotations, config, workdir.path / "results.json").records
        if cluster.is_first():
            draw(annotations, records, config, workdir)
            if mode != "predict":
                score(annotations, records, workdir)
        cluster.wait_for_all("predicted")


def eval_annotations(config: ConfigDict, mode: str) -> Annotations:
    """The videos to predict; read before training, so that an error is not found hours later.

    Raises:
      InputError: the file cannot be used, or has no ground truth to evaluate with.
    """
    annotations = load_annotations(config.data.eval_annotations)
    annotations = with_chosen_crowds(annotations, annotation_options(config.data), logging.warning)
    annotations.check_frames(config.data.eval_images)
    check_categories(annotations, config)
    if mode != "predict":
        annotations.check_ground_truth("to evaluate with; use --mode=train or --mode=predict")
    return annotations


def metrics_during_training(
    annotations: Annotations | None, config: ConfigDict, model: tuple[nn.Module, dict]
) -> dict[str, float]:
    """Scores a model that is still being trained; nothing without annotations.

    "lost_objects" are candidates that did not fit a capacity.
    """
    if annotations is None:
        return {}
    found = predict(*model, annotations, config, None)
    return evaluate(annotations, found.records).values | {"lost_objects": found.lost_objects}


def draw(
    annotations: Annotations, records: list[dict], config: ConfigDict, workdir: Workdir
) -> None:
    """Draws overlays of some videos."""
    if config.predict.overlay_videos:
        write_overlays(
            annotations,
            config.data.eval_images,
            records,
            workdir.path / "overlays",
            num_videos=config.predict.overlay_videos,
        )


def score(annotations: Annotations, records: list[dict], workdir: Workdir) -> None:
    """Evaluates results: a table on the terminal and metrics.json."""
    metrics = evaluate(annotations, records)
    print(format_table(metrics))
    write_json(workdir.path / "metrics.json", metrics.as_dict())


if __name__ == "__main__":
    sys.exit(main())
