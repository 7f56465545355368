"""Strict conversion of a PyTorch state dict by a table of names."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from flax import traverse_util

from ovis_jax.formats.errors import InputError


def same(x: np.ndarray) -> np.ndarray:
    """Keeps an array as it is."""
    return x


def convolution(x: np.ndarray) -> np.ndarray:
    """[out, in, h, w] to [h, w, in, out]."""
    return x.transpose(2, 3, 1, 0)


def pointwise(x: np.ndarray) -> np.ndarray:
    """[out, in, 1, 1] to [in, out]."""
    return x[:, :, 0, 0].T


def transposed_convolution(x: np.ndarray) -> np.ndarray:
    """[in, out, h, w] to [h, w, in, out]."""
    return x.transpose(2, 3, 0, 1)


def linear(x: np.ndarray) -> np.ndarray:
    """[out, in] to [in, out]."""
    return x.T


def roi_linear(size: int) -> Callable[[np.ndarray], np.ndarray]:
    """[out, channel * y * x] to [y * x * channel, out], for RoI features of `size` cells a side."""

    def convert(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1, size, size).transpose(2, 3, 1, 0).reshape(-1, len(x))

    return convert


@dataclasses.dataclass(frozen=True)
class Rule:
    """Where one tensor goes.

    Attributes:
      target: path in the variables, such as "params/neck/lateral2/conv/kernel".
      convert: from PyTorch's layout to ours.
    """

    target: str
    convert: Callable[[np.ndarray], np.ndarray] = same


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
      InputError: a tensor without a rule, a rule without a tensor, a shape that differs, or a
      parameter that
        nothing fills.
    """
    wanted = traverse_util.flatten_dict(template, sep="/")
    unknown = sorted(set(state) - set(rules))
    missing = sorted(set(rules) - set(state))
    if unknown or missing:
        raise InputError(f"{source}: tensors unknown {unknown[:5]}, missing {missing[:5]}")
    filled = {}
    for name, rule in rules.items():
        value = np.asarray(rule.convert(np.asarray(state[name])), np.float32)
        if rule.target not in wanted:
            raise InputError(f"{source}: {name}: the model has no {rule.target}")
        if value.shape != wanted[rule.target].shape:
            raise InputError(
                f"{source}: {name}: shape {value.shape}, but {rule.target} of the model has "
                f"{wanted[rule.target].shape}"
            )
        filled[rule.target] = value
    empty = sorted(set(wanted) - set(filled))
    if empty:
        raise InputError(f"{source}: nothing fills {empty[:5]} of the model")
    return traverse_util.unflatten_dict(filled, sep="/")
