"""The variables that a training run begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ovis_jax.checkpoints.folders import restore_from
from ovis_jax.formats.errors import InputError


def start_variables(
    initialise: Callable[[], dict], shapes: dict, folder: str = "", fresh: Sequence[str] = ()
) -> dict:
    """New variables, or those of a checkpoint.

    Args:
      initialise: makes new variables; called if any are wanted.
      shapes: of all variables.
      folder: see `restore_from`; empty: everything is new.
      fresh: parts of the model that are not in the checkpoint and start anew.

    Raises:
      InputError: the checkpoint is not of this model, or the model has no such part.
    """
    if not folder:
        return initialise()
    _, known = _split_parts(shapes["params"], fresh)
    restored = restore_from(folder, shapes | {"params": known})
    if not fresh:
        return restored
    new, _ = _split_parts(initialise()["params"], fresh)
    return restored | {"params": restored["params"] | new}


def _split_parts(params: dict, parts: Sequence[str]) -> tuple[dict, dict]:
    """Some parts of the model, and all others."""
    for part in parts:
        if part not in params:
            raise InputError(f"config.train.fresh: {part!r} is no part of the model")
    return {p: params[p] for p in parts}, {p: v for p, v in params.items() if p not in parts}
