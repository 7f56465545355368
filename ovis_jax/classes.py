"""Which classes a model has: those of the training annotations, or of a checkpoint."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging
from ml_collections import ConfigDict

from ovis_jax.checkpoints.folders import checkpoint_categories, has_checkpoint
from ovis_jax.data.samples import Samples
from ovis_jax.data.training_categories import training_categories
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import Annotations, Header
from ovis_jax.formats.category_names import ids_of_labels, same_labels
from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import class_layers

CLASSES = "classes"
"""In `config.train.fresh`: the layers whose size follows from the number of classes."""

AS_ANNOTATED = 0
"""`config.model.num_classes` of a model with as many classes as its annotations have."""

_SHOWN = 8  # names in a message


@dataclasses.dataclass(frozen=True)
class ModelClasses:
    """What the labels of a model mean.

    Attributes:
      categories: label k is `categories[k]`; None if nobody knows.
      source: where that is said, for messages.
    """

    categories: tuple[Category, ...] | None
    source: str

    def sized(self, config: ConfigDict) -> ConfigDict:
        """The configuration with a number of classes, which is the file's where it names none.

        Raises:
          InputError: neither says a number.
        """
        if config.model.num_classes != AS_ANNOTATED:
            return config
        if self.categories is None:
            raise InputError(
                f"config.model.num_classes: {AS_ANNOTATED}, and {self.source} holds no checkpoint "
                "that says which categories it knows; expected their number"
            )
        sized = config.copy_and_resolve_references()
        sized.model.num_classes = len(self.categories)
        return sized

    def ids_in(self, file: Annotations | Header, path: str, num_classes: int) -> list[int]:
        """The category ids that a file has for the labels, in their order.

        Where the names of the labels are not known, the file's ids count in ascending order.

        Args:
          file: annotations.
          path: of the file.
          num_classes: of the model.

        Raises:
          InputError: the file has other categories than the model.
        """
        if self.categories is not None:
            return ids_of_labels(self.categories, file.categories, path, self.source)
        if len(file.categories) != num_classes:
            raise InputError(
                f"{path}: categories: {len(file.categories)} entries, but the model has "
                f"{num_classes} classes (config.model.num_classes)"
            )
        return [category.id for category in file.categories]


UNKNOWN_CLASSES = ModelClasses(None, "the model")
"""Of a model of which only the number of classes is known."""


def classes_of_training(config: ConfigDict) -> ModelClasses:
    """Those of the training annotations.

    Raises:
      InputError: they cannot be read.
    """
    data = config.data
    source = data.train_records or data.train_annotations
    return ModelClasses(training_categories(data), str(source))


def classes_of_checkpoint(folder: pathlib.Path | str) -> ModelClasses:
    """Those that a checkpoint was trained on, if there is one and it says so.

    Args:
      folder: of checkpoints or of one, or a work directory.

    Raises:
      InputError: the checkpoint is damaged.
    """
    categories = checkpoint_categories(folder) if has_checkpoint(folder) else None
    return ModelClasses(categories, str(folder))


def sized_as_saved(config: ConfigDict, saved: Mapping[str, Any]) -> ConfigDict:
    """The configuration with the number of classes of a saved one, where it names none.

    Args:
      config: whole configuration.
      saved: `config.json` of a work directory.
    """
    number = saved.get("model", {}).get("num_classes")
    if not number or config.model.num_classes != AS_ANNOTATED:
        return config
    sized = config.copy_and_resolve_references()
    sized.model.num_classes = number
    return sized


def as_records(categories: Sequence[Category]) -> list[dict]:
    """Categories as a checkpoint keeps them."""
    return [dataclasses.asdict(category) for category in categories]


def check_classes(data: Samples, config: ConfigDict) -> None:
    """Raises InputError unless the annotations have as many categories as the model classes."""
    if data.num_categories != config.model.num_classes:
        raise InputError(
            f"{data.path}: categories: {data.num_categories} entries, but the "
            f"model has {config.model.num_classes} classes; --config.model.num_classes=0 takes as "
            "many as there are"
        )


def check_same_classes(saved: list[dict] | None, data: Samples, path: str) -> None:
    """Raises InputError if a run would go on with other categories; older runs do not say theirs.

    Args:
      saved: categories of a checkpoint.
      data: training samples.
      path: of the checkpoint.
    """
    known = saved and [Category(record["id"], record["name"]) for record in saved]
    if known and not same_labels(known, data.categories):
        raise InputError(
            f"{data.path}: categories: {_names(data.categories)}; {path} was trained on "
            f"{_names(known)}"
        )


def check_start(config: ConfigDict, data: Samples) -> None:
    """Raises InputError if class layers would start from those of other categories.

    That is if the checkpoint to start from says what it was trained on, and these layers do not
    start anew.
    """
    folder = config.train.init_checkpoint
    known = checkpoint_categories(folder) if folder else None
    if not known or same_labels(known, data.categories) or CLASSES in config.train.fresh:
        return
    anew = set(class_layers(config))
    if not anew <= set(config.train.fresh):
        raise InputError(
            f"{folder}: was trained on the categories {_names(known)}, {data.path} has "
            f"{_names(data.categories)}; --config.train.fresh=\"('{CLASSES}',)\" starts the "
            f"layers that depend on them anew ({', '.join(sorted(anew))})"
        )


def fresh_parts(config: ConfigDict) -> tuple[str, ...]:
    """`config.train.fresh`, with the names of the layers that "classes" stands for."""
    fresh = tuple(config.train.fresh)
    if CLASSES not in fresh:
        return fresh
    layers = class_layers(config)
    logging.info("start anew, since they depend on the classes: %s", ", ".join(layers))
    return (*(part for part in fresh if part != CLASSES), *layers)


def _names(categories: Sequence[Category]) -> str:
    names = [category.name for category in categories]
    more = f", … ({len(names)})" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
