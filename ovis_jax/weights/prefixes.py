"""What a training program puts before the names of the model that it trains, such as "model."."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.wrappers import AVERAGE_COUNTERS, Unwrapped
from ovis_jax.weights.rules import NameMap, renamed

_LISTED = 3  # names in a line
_ENOUGH = 0.5  # share of a model's names that a prefix must give


def remove_prefix(
    state: Mapping[str, np.ndarray], name_map: NameMap, source: str, prefix: str = ""
) -> Unwrapped:
    """The state dict under the names of a published model.

    Without `prefix`, the one that gives the model's names is removed if all tensors share it.

    Args:
      state: arrays by name.
      name_map: of the published model.
      source: what the state dict was read from, for errors.
      prefix: what stands before the names to read; all others are left out.

    Raises:
      InputError: no name begins with the prefix; or it is not given, and some names do not begin
        with what stands before the others.
    """
    if prefix:
        return _chosen(state, prefix if prefix.endswith(".") else f"{prefix}.", source)
    fitting = _fitting_prefixes(state, name_map)
    if not fitting:
        return Unwrapped(dict(state))
    shared = fitting[0]
    inside, others = _divided(state, shared)
    counters = [name for name in others if name.rsplit(".", 1)[-1] in AVERAGE_COUNTERS]
    strangers = [name for name in others if name not in counters]
    if strangers:
        options = " or ".join(f"--prefix={option}" for option in fitting)
        raise InputError(
            f"{source}: {len(inside)} names begin with {shared!r}, {len(strangers)} do not: "
            f"{_some(strangers)}; {options} leaves those out"
        )
    notes = [f"removed: {shared} before {len(inside)} names"]
    notes += [f"left out: {name} (of an averaged model)" for name in counters]
    return Unwrapped(inside, tuple(notes))


def _chosen(state: Mapping[str, np.ndarray], prefix: str, source: str) -> Unwrapped:
    inside, others = _divided(state, prefix)
    if not inside:
        raise InputError(f"{source}: no name begins with {prefix!r}: {_some(list(state))}")
    notes = [f"removed: {prefix} before {len(inside)} names"]
    if others:
        notes.append(f"left out: {len(others)} tensors without {prefix} ({_some(others)})")
    return Unwrapped(inside, tuple(notes))


def _divided(state: Mapping[str, np.ndarray], prefix: str) -> tuple[dict, list[str]]:
    """Tensors by the rest of their names after a prefix, and the names without it."""
    inside = {n.removeprefix(prefix): value for n, value in state.items() if n.startswith(prefix)}
    return inside, [name for name in state if not name.startswith(prefix)]


def _fitting_prefixes(state: Mapping[str, np.ndarray], name_map: NameMap) -> list[str]:
    """Prefixes that give names of the model, the best first; none if the names do as they are."""
    votes: Counter[str] = Counter()
    for name in state:
        parts = name.split(".")
        for i in range(len(parts) - 1):
            if renamed(".".join(parts[i:]), name_map) in name_map.rules:
                votes[".".join([*parts[:i], ""]) if i else ""] += 1
    enough = [p for p, count in votes.most_common() if count >= _ENOUGH * len(name_map.rules)]
    return [] if "" in enough else enough


def _some(names: list[str]) -> str:
    listed = ", ".join(names[:_LISTED])
    return f"{listed}, ..." if len(names) > _LISTED else listed
