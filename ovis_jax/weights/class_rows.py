"""Class layers that start from those of a detector of COCO's classes, category by category."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from flax import traverse_util

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.categories import COCO, initial_categories
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.weights.rules import ClassLayers, Conversion, Rule

_NUMBERS = {"box/deltas": 4}  # of each class; one in the other layers


def copy_class_rows(
    conversion: Conversion,
    state: Mapping[str, np.ndarray],
    layers: ClassLayers,
    categories: Sequence[Category],
    initial: dict,
    source: str,
) -> Conversion:
    """Takes background and the rows of shared categories from a detector of COCO.

    A category that includes several of COCO's gets the mean of their rows; one that COCO lacks
    keeps its initial row. See `initial_categories`.

    Args:
      conversion: of everything else.
      state: arrays by PyTorch name.
      layers: where the state dict has its classes.
      categories: of the model, sorted by id.
      initial: variables of the model.
      source: what the state dict was read from, for errors.

    Returns:
      The conversion, with the class layers among its values.

    Raises:
      InputError: a layer is missing or of another shape.
    """
    wanted, problems, values = traverse_util.flatten_dict(initial, sep="/"), Problems(), {}
    begun = _shared_rows(layers, categories)
    for name, rule in layers.rules.items():
        part = _part(rule)
        count = layers.num_scores if part == "box/logits" else layers.num_others
        rows = begun | ({0: (layers.background,)} if part == "box/logits" else {})
        ours = rule.convert.theirs(np.asarray(wanted[rule.target]))
        shape = (count * _NUMBERS.get(part, 1), *ours.shape[1:])
        if name not in state:
            problems.add(f"{source}: {name}: is missing, expected for {rule.target}")
        elif state[name].shape != shape:
            problems.add(f"{source}: {name}: shape {state[name].shape}, expected {shape}")
        else:
            mixed = _mixed(ours, np.asarray(state[name]), rows, _NUMBERS.get(part, 1))
            values[rule.target] = np.asarray(rule.convert(mixed), np.float32)
    problems.finish()
    parts = {_part(rule) for rule in layers.rules.values()}
    return dataclasses.replace(
        conversion,
        values=conversion.values | values,
        unused=_without(conversion.unused, layers.rules),
        fresh={part: paths for part, paths in conversion.fresh.items() if part not in parts},
    )


def check_categories(categories: Sequence[Category], num_classes: int) -> None:
    """Raises InputError unless a model of `num_classes` classes fits the categories."""
    if len(categories) != num_classes:
        raise InputError(
            f"config.model.num_classes: {num_classes}, expected {len(categories)}, the number of "
            "categories that class layers shall start for"
        )


def new_categories(categories: Sequence[Category]) -> list[str]:
    """Names of the categories that COCO has nothing to begin with for."""
    known = initial_categories(COCO, categories)
    return [category.name for category in categories if category.id not in known]


def _shared_rows(layers: ClassLayers, categories: Sequence[Category]) -> dict[int, tuple[int, ...]]:
    """From our rows (background is 0) to theirs."""
    row_of = dict(zip((category.id for category in COCO), layers.rows, strict=True))
    begun = initial_categories(COCO, categories)
    return {
        label + 1: tuple(row_of[coco_id] for coco_id in begun[category.id])
        for label, category in enumerate(categories)
        if category.id in begun
    }


def _mixed(
    ours: np.ndarray, theirs: np.ndarray, rows: dict[int, tuple[int, ...]], numbers: int
) -> np.ndarray:
    """Our tensor, in PyTorch's layout, with the means of their rows in the places of `rows`."""
    mixed = np.array(ours).reshape(-1, numbers, *ours.shape[1:])
    theirs = theirs.reshape(-1, numbers, *theirs.shape[1:])
    for row, begun in rows.items():
        mixed[row] = theirs[list(begun)].mean(0)
    return mixed.reshape(ours.shape)


def _part(rule: Rule) -> str:
    """Such as "box/logits"."""
    return rule.target.split("/", 1)[1].rsplit("/", 1)[0]


def _without(unused: dict[str, list[str]], used: Mapping[str, Rule]) -> dict[str, list[str]]:
    left = {pattern: [n for n in names if n not in used] for pattern, names in unused.items()}
    return {pattern: names for pattern, names in left.items() if names}
