"""A trained model as it lies on disk: its system, its variables, and what its labels mean."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence

from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.checkpoints.folders import restore_from
from ovis_jax.checkpoints.hub import local_checkpoint
from ovis_jax.checkpoints.packed import read_packed, with_tuples
from ovis_jax.classes import UNKNOWN_CLASSES, ModelClasses, classes_of_checkpoint
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.errors import InputError
from ovis_jax.identities import sized_by_checkpoint
from ovis_jax.models.build import build_model
from ovis_jax.program.config_changes import completed
from ovis_jax.program.configurations import read_configuration, with_settings

_CONFIG = "config.json"  # of a work directory


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """What prediction needs of a model.

    Attributes:
      system: linen module.
      variables: what it is applied to.
      config: whole configuration, with the numbers of classes and identities of the checkpoint.
      categories: label k is `categories[k]`; numbered from 1 where the checkpoint does not say.
      classes: what the checkpoint says of the labels.
    """

    system: nn.Module
    variables: dict
    config: ConfigDict
    categories: tuple[Category, ...]
    classes: ModelClasses = UNKNOWN_CLASSES


def load_trained(
    checkpoint: pathlib.Path | str, config: ConfigDict | str | None = None
) -> TrainedModel:
    """Reads a trained model.

    Args:
      checkpoint: folder of checkpoints or of one, a work directory, a packed model, or the name of
        one on a hub (`checkpoints/hub.py`).
      config: whole configuration, or the name of one; None: that of the checkpoint.

    Raises:
      InputError: there is no checkpoint, it is of another model, or nothing says its configuration.
    """
    checkpoint = local_checkpoint(checkpoint)
    if config is None:
        config = checkpoint_config(checkpoint)
    elif isinstance(config, str):
        config = read_configuration(config)
    classes = classes_of_checkpoint(checkpoint)
    config = sized_by_checkpoint(classes.sized(config), checkpoint)
    numbers = range(1, config.model.num_classes + 1)
    unknown = tuple(Category(number, f"category {number}") for number in numbers)
    system, variables = load_model(config, checkpoint)
    return TrainedModel(system, variables, config, classes.categories or unknown, classes)


def as_causal(model: TrainedModel) -> TrainedModel:
    """The model, whose system looks at no frame after the query.

    Raises:
      InputError: the system is not made of single frames.
    """
    system = model.system
    if not system.window_after:
        return model
    if "window_after" not in {field.name for field in dataclasses.fields(system)}:
        raise InputError(
            f"{type(system).__name__} reads clips that go on after a frame: it cannot be causal"
        )
    return dataclasses.replace(model, system=system.clone(window_after=0))


def chosen_config(
    checkpoint: pathlib.Path | str, name: str | None, settings: Sequence[str] = ()
) -> ConfigDict:
    """The configuration that a command line names, or that of the checkpoint.

    Args:
      checkpoint: as for `load_trained`.
      name: of a configuration, or None.
      settings: "--config.FIELD=VALUE"; they change a named configuration.

    Raises:
      InputError: there is none, or a field cannot be set.
    """
    if name is not None:
        return read_configuration(name, settings)
    return with_settings(checkpoint_config(local_checkpoint(checkpoint)), settings)


def checkpoint_config(checkpoint: pathlib.Path | str) -> ConfigDict:
    """The configuration that a checkpoint was trained with.

    Args:
      checkpoint: a packed model, a work directory, or a folder of checkpoints or one in it.

    Raises:
      InputError: there is none.
    """
    path = pathlib.Path(checkpoint).absolute()
    if path.is_file():
        return ConfigDict(completed(read_packed(path).config))
    near = (folder / _CONFIG for folder in (path, *path.parents[:2]))
    file = next((each for each in near if each.is_file()), None)
    if file is None:
        raise InputError(f"{checkpoint}: no {_CONFIG} of a work directory; expected --config")
    try:
        return ConfigDict(with_tuples(completed(json.loads(file.read_text()))))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{file}: expected the configuration of a work directory") from error


def load_model(config: ConfigDict, folder: pathlib.Path | str) -> tuple[nn.Module, dict]:
    """The system of a configuration and its variables.

    Args:
      config: whole configuration.
      folder: of checkpoints or of one, or a work directory; see `restore_from`.

    Raises:
      InputError: there is no checkpoint, or it is of another model.
    """
    system, shapes = build_model(config)
    return system, restore_from(folder, shapes)
