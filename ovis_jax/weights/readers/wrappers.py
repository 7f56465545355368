"""What wrappers around a model leave in the names of its tensors."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from ovis_jax.formats.errors import InputError

# Names of attributes that hold the model, wherever they stand within a name.
_ANYWHERE = {
    "_orig_mod": "torch.compile",
    "_fsdp_wrapped_module": "fully sharded training",
    "_checkpoint_wrapped_module": "activation checkpoints",
    "_forward_module": "Lightning's strategies",
}
_PARALLEL = "module."  # of data parallel training and averaged models, before every name
# Beside "module." of PyTorch's and of mmengine's averaged models.
AVERAGE_COUNTERS = ("n_averaged", "steps")
_AVERAGE = "ema_"  # of the hook of mmcv, before names with "_" in place of "."


@dataclasses.dataclass(frozen=True)
class Unwrapped:
    """A state dict under the names of the model itself.

    Attributes:
      arrays: by name.
      notes: a line for each thing that was removed or left out.
    """

    arrays: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()


def unwrap(state: Mapping[str, np.ndarray]) -> Unwrapped:
    """Removes what wrappers put into names, and leaves out what they keep beside the weights.

    Raises:
      InputError: two tensors have the same name without it.
    """
    notes: list[str] = []
    arrays = _without_components(state, notes)
    arrays = _without_averages(arrays, notes)
    while (parallel := _inside_parallel(arrays)) is not None:
        left_out = [name for name in arrays if name not in parallel]
        notes += [f"removed: {_PARALLEL} before {len(parallel)} names"]
        notes += [f"left out: {name} (of an averaged model)" for name in left_out]
        arrays = {name.removeprefix(_PARALLEL): arrays[name] for name in parallel}
    return Unwrapped(arrays, tuple(notes))


def _without_components(state: Mapping[str, np.ndarray], notes: list[str]) -> dict:
    """Without the attributes that may stand anywhere in a name."""
    renamed, counts = {}, dict.fromkeys(_ANYWHERE, 0)
    for name, value in state.items():
        parts = name.split(".")
        kept = ".".join(part for part in parts[:-1] if part not in _ANYWHERE)
        short = f"{kept}.{parts[-1]}" if kept else parts[-1]
        for part in set(parts[:-1]) & set(_ANYWHERE):
            counts[part] += 1
        if short in renamed:
            raise InputError(f"{short}: stands there twice, inside a wrapper and outside")
        renamed[short] = value
    notes += [
        f"removed: {part}. in {count} names (of {_ANYWHERE[part]})"
        for part, count in counts.items()
        if count
    ]
    return renamed


def _without_averages(state: dict[str, np.ndarray], notes: list[str]) -> dict:
    """Without the running averages that mmcv's hook keeps among the weights."""
    flat = {name.replace(".", "_"): name for name in state}
    averages = set()
    for name, value in state.items():
        *before, last = name.rsplit(".", 1)
        prefix = f"{before[0]}." if before else ""
        inner = last.removeprefix(_AVERAGE)
        averaged = flat.get(f"{prefix}{inner}".replace(".", "_"))
        if inner != last and averaged not in (None, name) and state[averaged].shape == value.shape:
            averages.add(name)
    if averages:
        notes.append(f"left out: {len(averages)} {_AVERAGE}* (averages of mmcv's EMA hook)")
    return {name: value for name, value in state.items() if name not in averages}


def _inside_parallel(state: Mapping[str, np.ndarray]) -> list[str] | None:
    """Names within "module.", if all are but the counters of averaged models."""
    inside = [name for name in state if name.startswith(_PARALLEL)]
    outside = [name for name in state if not name.startswith(_PARALLEL)]
    if not inside or any(
        name not in AVERAGE_COUNTERS or state[name].shape not in ((), (1,)) for name in outside
    ):
        return None
    return inside
