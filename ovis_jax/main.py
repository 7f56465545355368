"""Trains, evaluates and predicts: `python -m ovis_jax.main --config=configs/X.py --workdir=DIR`."""

import functools
import json
import os

from absl import flags, logging
from flax import linen as nn
from ml_collections import ConfigDict, config_flags

from ovis_jax.checkpoints.folders import has_checkpoint
from ovis_jax.classes import ModelClasses, classes_of_checkpoint, classes_of_training
from ovis_jax.data.from_config import annotation_options
from ovis_jax.evaluation import evaluate, format_table
from ovis_jax.formats.annotation_options import with_chosen_crowds
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.predict import load_model, predict
from ovis_jax.program import cluster, command_line
from ovis_jax.program.start import start
from ovis_jax.program.workdir import Workdir
from ovis_jax.train import train
from ovis_jax.training.metrics import Diverged
from ovis_jax.visualization.overlays import write_overlays

MODES = ("train", "evaluate", "predict", "train_and_evaluate")

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration file.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; made if it does not exist.")
_MODE = flags.DEFINE_enum("mode", "train_and_evaluate", MODES, "What to do.")
_DISTRIBUTED = flags.DEFINE_boolean(
    "distributed", False, "One of several processes, which JAX finds by itself (TPU, Slurm, MPI)."
)
_COORDINATOR = flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0 of several.")
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "With --coordinator: how many.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "With --coordinator: this one's number.")
flags.mark_flags_as_required(["config", "workdir"])


def main() -> None:
    """Does what the flags say, alone or as one process of a cluster."""
    start(_CONFIG.value.matmul_precision)
    addresses = _COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value
    if not _DISTRIBUTED.value and addresses == (None, None, None):
        return run()
    cluster.join(*addresses)
    try:
        run()
    except Exception as error:
        cluster.leave(error, expected=(Diverged,))


def run() -> None:
    """Trains, predicts and evaluates, as the mode says."""
    mode = _MODE.value
    config, classes = known_classes(_CONFIG.value, mode)
    workdir = Workdir(_WORKDIR.value, json.loads(config.to_json()))
    annotations = None if mode == "train" else eval_annotations(config, mode, classes)
    if mode in ("train", "train_and_evaluate"):
        evaluate_model = functools.partial(metrics_during_training, annotations, classes)
        if not train(config, workdir, evaluate_model):
            return
    if mode != "train":
        model = load_model(config, checkpoint_to_predict(config))
        workdir.claim(trains=False)
        output = workdir.path / "results.json"
        records = predict(*model, annotations, config, output, classes).records
        if cluster.is_first():
            draw(annotations, records, config, workdir)
            if mode != "predict":
                score(annotations, records, workdir)
        cluster.wait_for_all("predicted")


def known_classes(config: ConfigDict, mode: str) -> tuple[ConfigDict, ModelClasses]:
    """What the model's classes are, and the configuration with their number.

    They are those of the training annotations, or, if nothing is trained, of the checkpoint.
    """
    if mode in ("train", "train_and_evaluate"):
        classes = classes_of_training(config)
    else:
        classes = classes_of_checkpoint(checkpoint_to_predict(config))
    return classes.sized(config), classes


def checkpoint_to_predict(config: ConfigDict) -> str:
    """The folder of the run's checkpoints, or, if it has none, what the run would start from."""
    own = os.path.join(_WORKDIR.value, "checkpoints")
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
    command_line.run(main, expected=(Diverged,))
