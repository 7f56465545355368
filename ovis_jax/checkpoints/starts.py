"""The variables that a training run begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ovis_jax.checkpoints.folders import restore_from
from ovis_jax.checkpoints.trees import flattened, is_within, nested
from ovis_jax.formats.errors import InputError
from ovis_jax.models.batch_norm import RUNNING_STATS


def start_variables(
    initialise: Callable[[], dict], shapes: dict, folder: str = "", fresh: Sequence[str] = ()
) -> dict:
    """New variables, or those of a checkpoint.

    Args:
      initialise: makes new variables; called if any are wanted.
      shapes: of all variables.
      folder: see `restore_from`; empty: everything is new.
      fresh: parts of the model, such as "calibration" or "box/logits", that start anew, whether the
        checkpoint holds them or not.

    Raises:
      InputError: the checkpoint is not of this model, or the model has no such part.
    """
    if not folder:
        return initialise()
    _check_parts(shapes["params"], fresh)
    parts = [f"{kind}/{part}" for kind in ("params", RUNNING_STATS) for part in fresh]
    flat = flattened(shapes)
    known = {path: shape for path, shape in flat.items() if not is_within(path, parts)}
    restored = restore_from(folder, nested(known), parts)
    if not fresh:
        return restored
    new = flattened(initialise())
    held = flattened(restored)
    return nested(new | held)


def _check_parts(params: dict, parts: Sequence[str]) -> None:
    """Raises InputError for a part that the model lacks."""
    paths = flattened(params)
    for part in parts:
        if not any(is_within(path, (part,)) for path in paths):
            raise InputError(f"config.train.fresh: {part!r} is no part of the model")
