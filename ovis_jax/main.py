"""Trains, evaluates and predicts: `python -m ovis_jax.main --config=configs/X.py --workdir=DIR`."""

import json

import jax
from absl import flags
from flax import linen as nn
from ml_collections import ConfigDict, config_flags

from ovis_jax import command_line
from ovis_jax.compilation import keep_compiled_programs
from ovis_jax.evaluation import evaluate, format_table
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.host_memory import keep_freed_memory
from ovis_jax.predict import check_categories, predict
from ovis_jax.train import restore_model, train
from ovis_jax.training.hooks import Diverged
from ovis_jax.training.sharding import wait_for_all_processes
from ovis_jax.training.workdir import Workdir
from ovis_jax.visualization.overlays import write_overlays

MODES = ("train", "evaluate", "predict", "train_and_evaluate")

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration file.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; made if it does not exist.")
_MODE = flags.DEFINE_enum("mode", "train_and_evaluate", MODES, "What to do.")
_DISTRIBUTED = flags.DEFINE_boolean("distributed", False, "One of several processes of a cluster.")
flags.mark_flags_as_required(["config", "workdir"])


def main() -> None:
    """Does what the flags say."""
    keep_compiled_programs()
    keep_freed_memory()
    if _DISTRIBUTED.value:
        jax.distributed.initialize()
    config, mode = _CONFIG.value, _MODE.value
    workdir = Workdir(_WORKDIR.value, json.loads(config.to_json()))
    annotations = None if mode == "train" else eval_annotations(config, mode)
    if mode in ("train", "train_and_evaluate") and not train_to_the_end(config, workdir):
        return
    if mode != "train":
        model = restore_model(config, workdir)
        workdir.claim()
        if jax.process_index() == 0:
            records = predict_videos(config, model, annotations, workdir)
            if mode != "predict":
                score(annotations, records, workdir)
        wait_for_all_processes("predicted")


def train_to_the_end(config: ConfigDict, workdir: Workdir) -> bool:
    """Trains; False if SIGTERM came first. Ends the program if training diverges."""
    try:
        return train(config, workdir)
    except Diverged as error:
        command_line.end(error, command_line.FAILURE)


def eval_annotations(config: ConfigDict, mode: str) -> Annotations:
    """The videos to predict; read before training, so that an error is not found hours later.

    Raises:
      InputError: the file cannot be used, or has no ground truth to evaluate with.
    """
    annotations = load_annotations(config.data.eval_annotations)
    annotations.check_frames(config.data.eval_images)
    check_categories(annotations, config)
    if mode != "predict" and not annotations.has_ground_truth:
        raise InputError(
            f"{annotations.path}: annotations: null, so there is nothing to evaluate with; use "
            "--mode=train or --mode=predict"
        )
    return annotations


def predict_videos(
    config: ConfigDict, model: tuple[nn.Module, dict], annotations: Annotations, workdir: Workdir
) -> list[dict]:
    """Tracks the objects of all videos: results.json and overlays."""
    records = predict(*model, annotations, config, workdir.path / "results.json")
    if config.predict.overlay_videos:
        write_overlays(
            annotations,
            config.data.eval_images,
            records,
            workdir.path / "overlays",
            num_videos=config.predict.overlay_videos,
        )
    return records


def score(annotations: Annotations, records: list[dict], workdir: Workdir) -> None:
    """Evaluates results: a table on the terminal and metrics.json."""
    metrics = evaluate(annotations, records)
    print(format_table(metrics))
    write_json(workdir.path / "metrics.json", metrics.as_dict())


if __name__ == "__main__":
    command_line.run(main)
