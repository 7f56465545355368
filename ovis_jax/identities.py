"""How many identities a model tells apart in training: those of the training annotations.

Systems that learn to classify identities have `config.model.num_identities`; others lack the field,
and nothing here concerns them.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from ovis_jax.checkpoints.folders import checkpoint_identities, has_checkpoint
from ovis_jax.data.samples import Samples, open_training_data
from ovis_jax.formats.errors import InputError

FIELD = "num_identities"
"""Of `config.model`, and of what a checkpoint says of itself."""

FEWEST = 3
"""Identities that a classifier tells apart at least."""

AS_ANNOTATED = 0
"""Stands for as many identities as the training annotations have."""


def sized_by_annotations(config: ConfigDict) -> ConfigDict:
    """The configuration with the identities of the training annotations, where it names no number.

    Raises:
      InputError: they cannot be read, or are not numbered; see `Samples.num_identities`.
    """
    if not _is_open(config):
        return config
    return _sized(config, _numbered(open_training_data(config.data, config.capacity.instances)))


def sized_by_checkpoint(config: ConfigDict, folder: pathlib.Path | str) -> ConfigDict:
    """The configuration with the identities of a checkpoint, where it names no number.

    Args:
      config: whole configuration.
      folder: of checkpoints or of one, a work directory, or a packed model.

    Raises:
      InputError: there is no checkpoint, or it does not say their number.
    """
    if not _is_open(config):
        return config
    number = checkpoint_identities(folder) if has_checkpoint(folder) else None
    if number is None:
        raise InputError(
            f"config.model.{FIELD}: {AS_ANNOTATED}, and {folder} holds no checkpoint that says "
            "how many identities it was trained on; expected their number"
        )
    return _sized(config, number)


def sized_as_saved(config: ConfigDict, saved: Mapping[str, Any]) -> ConfigDict:
    """The configuration with the identities of a saved one, where it names no number.

    Args:
      config: whole configuration.
      saved: `config.json` of a work directory.
    """
    number = saved.get("model", {}).get(FIELD)
    return _sized(config, number) if number and _is_open(config) else config


def sized_without_annotations(config: ConfigDict) -> ConfigDict:
    """The configuration with as few identities as can be told apart, where it names no number.

    For weights that come without annotations: prediction needs no identities, and training on
    others begins with a new classifier (`config.train.fresh`).
    """
    return _sized(config, FEWEST) if _is_open(config) else config


def check_identities(data: Samples, config: ConfigDict) -> None:
    """Raises InputError unless the model tells as many identities apart as there are."""
    if FIELD not in config.model:
        return
    number = _numbered(data)
    if number != config.model[FIELD]:
        raise InputError(
            f"{data.path}: annotations: {number} objects, but the model has {config.model[FIELD]} "
            f"identities; --config.model.{FIELD}={AS_ANNOTATED} takes as many as there are"
        )


def identities_of(config: ConfigDict) -> dict[str, Any]:
    """What a checkpoint says of a model's identities; empty for a system without."""
    return {FIELD: config.model[FIELD]} if FIELD in config.model else {}


def _is_open(config: ConfigDict) -> bool:
    return FIELD in config.model and config.model[FIELD] == AS_ANNOTATED


def _numbered(data: Samples) -> int:
    if data.num_identities is None:
        raise InputError(
            "config.data.image_share: expected 0, since objects of still images have no "
            f"identities that config.model.{FIELD} could count"
        )
    return data.num_identities


def _sized(config: ConfigDict, number: int) -> ConfigDict:
    sized = config.copy_and_resolve_references()
    sized.model[FIELD] = number
    return sized
