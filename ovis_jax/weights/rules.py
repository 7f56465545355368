"""Strict conversion of a PyTorch state dict by a table of names.

Nothing is dropped in silence: every tensor is used or named as unused, every variable of the model
is filled or named as newly initialised.
"""

import dataclasses
import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from flax import traverse_util

from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.weights.layouts import Layout, same
from ovis_jax.weights.splits import Split

_LISTED = 3  # problems of one kind, if there are more


@dataclasses.dataclass(frozen=True)
class Rule:
    """Where one tensor goes.

    Attributes:
      target: path in the variables, such as "params/neck/lateral2/conv/kernel".
      convert: from PyTorch's layout to ours.
    """

    target: str
    convert: Layout = same


@dataclasses.dataclass(frozen=True)
class ClassLayers:
    """Last layers of a detector of COCO's classes; the first axis of a tensor has their rows.

    Attributes:
      rules: by PyTorch name; of class logits, boxes and masks.
      rows: where each of COCO's categories stands, in the order of their ids; in every layer.
      background: row of background among the class logits.
      num_scores: rows of the class logits.
      num_others: classes that have boxes and masks.
    """

    rules: Mapping[str, Rule]
    rows: Sequence[int]
    background: int
    num_scores: int
    num_others: int


@dataclasses.dataclass(frozen=True)
class NameMap:
    """What becomes of the tensors of one published model.

    Attributes:
      rules: by PyTorch name.
      unused: patterns (`*` is anything) of tensors that are left out on purpose.
      fresh: parts of the model, such as "box/logits", that the file cannot fill.
      renames: (regular expression, replacement) pairs that turn other spellings of the same model
        into the names of `rules`.
      classes: the layers among `unused` that have a row for each class of COCO; None without any.
      constants: by pattern, what tensors among `unused` must hold, whatever their shape; others
        would give the parameters another meaning.
      splits: of tensors, under their names after `renames`, that hold those of several names.
    """

    rules: Mapping[str, Rule]
    unused: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    classes: ClassLayers | None = None
    constants: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    splits: tuple[Split, ...] = ()


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What a state dict gives to a model.

    Attributes:
      values: float32 arrays by path of the variable.
      unused: names of tensors by the pattern that names them.
      fresh: paths of the variables that the state dict does not fill, by part of the model.
      notes: lines that say what was chosen or removed to find the state dict.
    """

    values: dict[str, np.ndarray]
    unused: dict[str, list[str]]
    fresh: dict[str, list[str]]
    notes: tuple[str, ...] = ()

    def complete(self, variables: dict) -> dict:
        """The variables given, with the converted ones in their places."""
        flat = traverse_util.flatten_dict(variables, sep="/")
        return traverse_util.unflatten_dict(flat | self.values, sep="/")


def convert_state(
    state: Mapping[str, np.ndarray], name_map: NameMap, template: dict, source: str
) -> Conversion:
    """Sorts every tensor and every variable into what is used, left out and newly initialised.

    Args:
      state: arrays by PyTorch name.
      name_map: of the published model.
      template: variables of the model (arrays or shapes).
      source: what the state dict was read from, for errors.

    Raises:
      InputError: a tensor that the map does not know or that is missing, a shape that differs, or a
        variable that nothing fills; with one line for each.
    """
    wanted = traverse_util.flatten_dict(template, sep="/")
    state = _renamed(state, name_map, source)
    unknown, missing = name_differences(state, name_map)
    fresh, empty = _fresh(wanted, name_map)
    values, misfits = {}, []
    for name in sorted(set(state) & set(name_map.rules)):
        rule = name_map.rules[name]
        if problem := _misfit(state[name], rule, wanted):
            misfits.append(f"{name}: {problem}")
        else:
            values[rule.target] = np.asarray(rule.convert(np.asarray(state[name])), np.float32)
    _raise_problems(
        source,
        {
            "unknown tensors": [f"{n}: unknown tensor of shape {state[n].shape}" for n in unknown],
            "missing tensors": [
                f"{n}: is missing, expected for {name_map.rules[n].target}" for n in missing
            ],
            "tensors that do not fit": misfits,
            "constants that differ": _other_constants(state, name_map),
            "variables that nothing fills": [
                f"nothing fills {p} {tuple(wanted[p].shape)} of the model" for p in empty
            ],
        },
    )
    return Conversion(values, _unused(state, name_map), fresh)


def name_differences(names: Collection[str], name_map: NameMap) -> tuple[list[str], list[str]]:
    """Names of tensors that a map has no place for, and those that it lacks."""
    ours = {own for name in names for own in own_names(name, name_map)}
    unknown = [
        name
        for name in sorted(ours - set(name_map.rules))
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in name_map.unused)
    ]
    return unknown, sorted(set(name_map.rules) - ours)


def renamed(name: str, name_map: NameMap) -> str:
    """The name of a tensor in the spelling of the rules."""
    for expression, replacement in name_map.renames:
        name = re.sub(expression, replacement, name)
    return name


def own_names(name: str, name_map: NameMap) -> tuple[str, ...]:
    """The names, in the spelling of the rules, of what a tensor holds: mostly one."""
    name = renamed(name, name_map)
    split = _split_of(name, name_map)
    return (name,) if split is None else _names_of_parts(name, split)


def _split_of(name: str, name_map: NameMap) -> Split | None:
    """How a tensor is divided, by its name in the spelling of the rules."""
    return next((own for own in name_map.splits if re.search(own.expression, name)), None)


def _names_of_parts(name: str, split: Split) -> tuple[str, ...]:
    return tuple(re.sub(split.expression, own, name) for own in split.names)


def apply_rules(
    state: Mapping[str, np.ndarray], rules: Mapping[str, Rule], template: dict, source: str
) -> dict:
    """Fills the variables of a model from a state dict; nothing may be left over on either side.

    Args:
      state: arrays by PyTorch name.
      rules: by PyTorch name.
      template: variables of the model (arrays or shapes).
      source: what the state dict was read from, for errors.

    Returns:
      Variables shaped like `template`, float32.

    Raises:
      InputError: as `convert_state`.
    """
    values = convert_state(state, NameMap(rules), template, source).values
    return traverse_util.unflatten_dict(values, sep="/")


def to_state_dict(variables: dict, rules: Mapping[str, Rule]) -> dict[str, np.ndarray]:
    """The inverse of `apply_rules`: arrays by PyTorch name, in PyTorch's layout.

    Variables without a rule are left out.
    """
    flat = traverse_util.flatten_dict(variables, sep="/")
    return {
        name: rule.convert.theirs(np.asarray(flat[rule.target])) for name, rule in rules.items()
    }


def _renamed(
    state: Mapping[str, np.ndarray], name_map: NameMap, source: str
) -> dict[str, np.ndarray]:
    """The state dict under the names of the rules."""
    found = {}
    for theirs, value in state.items():
        split = _split_of(renamed(theirs, name_map), name_map)
        parts = [value] if split is None else split.parts(value)
        if parts is None:
            raise InputError(f"{source}: {theirs}: shape {value.shape}, expected {split}")
        for name, part in zip(own_names(theirs, name_map), parts, strict=True):
            if name in found:
                raise InputError(
                    f"{source}: {name}: stands there twice, under an old and a new name"
                )
            found[name] = part
    return found


def _raise_problems(source: str, problems: Mapping[str, list[str]]) -> None:
    """Raises InputError with a line for each problem, or for the first ones of many of a kind."""
    found = Problems()
    for kind, lines in problems.items():
        shown = lines if len(lines) <= _LISTED + 1 else lines[:_LISTED]
        for line in shown:
            found.add(f"{source}: {line}")
        if len(lines) > len(shown):
            found.add(f"{source}: and {len(lines) - len(shown)} more {kind}")
    found.finish()


def _other_constants(state: Mapping[str, np.ndarray], name_map: NameMap) -> list[str]:
    """What is wrong with the constants of a file."""
    return [
        f"{name}: is not the constant of this model, so that other tensors mean something else"
        for pattern, constant in name_map.constants.items()
        for name in fnmatch.filter(sorted(state), pattern)
        if not np.array_equal(np.asarray(state[name]).ravel(), constant.ravel())
    ]


def _unused(state: Mapping[str, np.ndarray], name_map: NameMap) -> dict[str, list[str]]:
    """Tensors that are left out on purpose, by pattern."""
    found: dict[str, list[str]] = {}
    for name in sorted(set(state) - set(name_map.rules)):
        pattern = next((p for p in name_map.unused if fnmatch.fnmatchcase(name, p)), None)
        if pattern is not None:
            found.setdefault(pattern, []).append(name)
    return found


def _misfit(value: np.ndarray, rule: Rule, wanted: dict) -> str | None:
    """Why a tensor cannot fill its variable, if so."""
    if rule.target not in wanted:
        return f"tensor of shape {value.shape}, but the model has no {rule.target}"
    shape = tuple(wanted[rule.target].shape)
    expected = rule.convert.their_shape(shape)
    if value.shape == expected:
        return None
    return f"shape {value.shape}, expected {expected} for {rule.target} {shape} of the model"


def _fresh(wanted: dict, name_map: NameMap) -> tuple[dict[str, list[str]], list[str]]:
    """Variables without a rule: by part of the model, and those of no part that may be new."""
    targets = {rule.target for rule in name_map.rules.values()}
    found: dict[str, list[str]] = {}
    rest = []
    for path in sorted(set(wanted) - targets):
        inside = path.split("/", 1)[-1] + "/"  # without the collection
        part = next((p for p in name_map.fresh if inside.startswith(p + "/")), None)
        if part is None:
            rest.append(path)
        else:
            found.setdefault(part, []).append(path)
    return found, rest
