"""The model of a finished run."""

from __future__ import annotations

import pathlib

from ovis_jax.predict.trained import TrainedModel, checkpoint_config, load_trained


def run_model(folder: pathlib.Path) -> TrainedModel:
    """The model that a run has trained, or has only predicted with.

    Args:
      folder: its work directory.

    Raises:
      InputError: see `load_trained`.
    """
    if (folder / "checkpoints").is_dir():
        return load_trained(folder)
    config = checkpoint_config(folder)  # names the weights that were given
    return load_trained(config.train.init_checkpoint or folder, config)
