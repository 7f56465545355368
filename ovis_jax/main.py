"""Trains, evaluates and predicts: `ovis-jax train --config NAME --workdir DIR`."""

import argparse
import functools
import json
import os
import pathlib
import sys
from collections.abc import Sequence

from absl import logging
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.checkpoints.folders import has_checkpoint
from ovis_jax.classes import ModelClasses, classes_of_checkpoint, classes_of_training
from ovis_jax.data.from_config import annotation_options
from ovis_jax.evaluation import evaluate, format_table
from ovis_jax.formats.annotation_options import with_chosen_crowds
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.identities import sized_by_annotations, sized_by_checkpoint
from ovis_jax.models.oracles import with_oracle
from ovis_jax.predict import load_model, predict
from ovis_jax.program import cluster, command_line
from ovis_jax.program.accelerators import warn_of_unused_accelerators
from ovis_jax.program.configurations import read_configuration
from ovis_jax.program.start import start
from ovis_jax.program.workdir import Workdir
from ovis_jax.tools.options import train as parser
from ovis_jax.train import train
from ovis_jax.training.metrics import Diverged
from ovis_jax.visualization.overlays import write_overlays

ORACLE = "config.predict.oracle"


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says, returns the exit code; after Ctrl-C, a run can go on."""
    options, settings = parser().parse_with_settings(arguments)
    return command_line.run_resumable(lambda: join_and_run(options, settings), expected=(Diverged,))


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
    check_mode(config, mode)
    warn_of_unused_accelerators()
    config, classes = known_classes(config, workdir, mode)
    workdir = Workdir(workdir, json.loads(config.to_json()))
    annotations = None if mode == "train" else eval_annotations(config, mode, classes)
    if mode in ("train", "train_and_evaluate"):
        evaluate_model = functools.partial(metrics_during_training, annotations, classes)
        if not train(config, workdir, evaluate_model):
            return
    if mode != "train":
        system, variables = load_model(config, checkpoint_to_predict(config, workdir.path))
        system = with_oracle(system, config.predict.oracle, ORACLE)
        workdir.claim(trains=False)
        output = workdir.outputs(config.predict.oracle)
        found = predict(system, variables, annotations, config, output / "results.json", classes)
        if cluster.is_first():
            draw(annotations, found.records, config, output)
            if mode != "predict":
                score(annotations, found.records, output)
        cluster.wait_for_all("predicted")


def check_mode(config: ConfigDict, mode: str) -> None:
    """Raises InputError if a run would train with an oracle, which is a way to look at its end."""
    if config.predict.oracle and mode not in ("evaluate", "predict"):
        raise InputError(
            f"{ORACLE}: {config.predict.oracle!r} with --mode={mode}; expected '', or "
            "--mode=evaluate or predict"
        )


def known_classes(config: ConfigDict, workdir: str, mode: str) -> tuple[ConfigDict, ModelClasses]:
    """What the model's classes are, and the configuration with their number.

    They are those of the training annotations, or, if nothing is trained, of the checkpoint; and so
    is the number of identities.
    """
    if mode in ("train", "train_and_evaluate"):
        classes = classes_of_training(config)
        config = sized_by_annotations(config)
    else:
        checkpoint = checkpoint_to_predict(config, workdir)
        classes = classes_of_checkpoint(checkpoint)
        config = sized_by_checkpoint(config, checkpoint)
    return classes.sized(config), classes


def checkpoint_to_predict(config: ConfigDict, workdir: pathlib.Path | str) -> str:
    """The folder of the run's checkpoints, or, if it has none, what the run would start from."""
    own = os.path.join(workdir, "checkpoints")
    trained = has_checkpoint(own) or not config.train.init_checkpoint
    return own if trained else config.train.init_checkpoint


def eval_annotations(config: ConfigDict, mode: str, classes: ModelClasses) -> Annotations:
    """The videos to predict; read before training, so that an error is not found hours later.

    Raises:
      InputError: the file cannot be used, or has no ground truth to evaluate with.
    """
    annotations = load_annotations(config.data.eval_annotations)
    annotations = with_chosen_crowds(annotations, annotation_options(config.data), logging.warning)
    annotations.check_frames(config.data.eval_images)
    classes.ids_in(annotations, annotations.path, config.model.num_classes)
    if mode != "predict":
        annotations.check_ground_truth("to evaluate with; use --mode=train or --mode=predict")
    elif config.predict.oracle:
        annotations.check_ground_truth(f"for {ORACLE}")
    return annotations


def metrics_during_training(
    annotations: Annotations | None,
    classes: ModelClasses,
    config: ConfigDict,
    model: tuple[nn.Module, dict],
) -> dict[str, float]:
    """Scores a model that is still being trained; nothing without annotations.

    Numbers that the ground truth says nothing of, as of occlusion groups without labels, are left
    out. "lost_objects" are candidates that did not fit a capacity.
    """
    if annotations is None:
        return {}
    found = predict(*model, annotations, config, None, classes)
    values = evaluate(annotations, found.records).values
    known = {name: value for name, value in values.items() if value >= 0}
    return known | {"lost_objects": found.lost_objects}


def draw(
    annotations: Annotations, records: list[dict], config: ConfigDict, output: pathlib.Path
) -> None:
    """Draws overlays of some videos into a folder of `output`."""
    if config.predict.overlay_videos:
        write_overlays(
            annotations,
            config.data.eval_images,
            records,
            output / "overlays",
            num_videos=config.predict.overlay_videos,
        )


def score(annotations: Annotations, records: list[dict], output: pathlib.Path) -> None:
    """Evaluates results: a table on the terminal and metrics.json in `output`."""
    metrics = evaluate(annotations, records)
    print(format_table(metrics))
    write_json(output / "metrics.json", metrics.as_dict())


if __name__ == "__main__":
    sys.exit(main())
