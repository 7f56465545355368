"""Where a training program put the state dict among everything else that it saved."""

import dataclasses

import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.pickle_objects import StandIn
from ovis_jax.weights.readers.torch_tensors import is_tensor

# By preference: what a program would load to predict comes first.
_ENTRIES = (
    "state_dict",  # mmdetection, Lightning, timm
    "model",  # detectron2, torchvision's references
    "model_state_dict",
    "model_state",
    "net",
    "network",
    "module",  # DeepSpeed
    "weights",
    "params",
    "model_ema",  # torchvision's references
    "ema_state_dict",  # mmengine
    "state_dict_ema",  # timm
    "params_ema",
    "ema",
    "current_model_state",  # beside Lightning's averaged weights
)
_DEEPEST = 8  # entries within entries
_LONGEST_NAME = 80  # characters of a name in an error
_LONGEST_LIST = 300  # characters of several


@dataclasses.dataclass(frozen=True)
class StateDict:
    """A state dict and where it stood.

    Attributes:
      arrays: by name.
      entry: path of the entry that was read, such as "ema/module"; empty for the file itself.
      others: paths of the entries that could have been read instead.
    """

    arrays: dict[str, np.ndarray]
    entry: str = ""
    others: tuple[str, ...] = ()


def find_state_dict(tree: object, entry: str = "") -> StateDict:
    """Arrays by name, out of what a file holds.

    Args:
      tree: what was read, with tensors and stand-ins.
      entry: path of the entry to read, with "/" between names; empty: found by its name.

    Raises:
      InputError: there is no such entry, or it holds something that is no tensor.
    """
    if entry:
        return StateDict(_arrays(_entry(tree, entry), entry), entry)
    path, others = [], []
    while names := _nested(tree):
        if len(path) == _DEEPEST:
            raise InputError(f"entries within entries: {'/'.join(path)}")
        others += ["/".join([*path, name]) for name in names[1:]]
        path.append(names[0])
        tree = tree[names[0]]
    return StateDict(_arrays(tree, "/".join(path)), "/".join(path), tuple(others))


def described(value: object) -> str:
    """What something is, for an error: a short text of one line."""
    if isinstance(value, str):
        return ascii(value[:40])
    if isinstance(value, StandIn):
        return f"an object that needs {ascii(value.name[:_LONGEST_NAME])}"
    name = type(value).__name__
    if isinstance(value, dict) and not value:
        return f"an empty {name}"
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _nested(tree: object) -> list[str]:
    """Known entries that hold a state dict; failing that, one that should."""
    if not isinstance(tree, dict):
        return []
    known = [name for name in _ENTRIES if isinstance(tree.get(name), dict | StandIn)]
    holding = [name for name in known if _holds_tensors(tree[name])]
    if holding or any(is_tensor(value) for value in tree.values()):
        return holding
    return known[:1]


def _holds_tensors(tree: object) -> bool:
    """Whether a mapping is a state dict, or has one in a known entry."""
    seen: set[int] = set()
    left = [tree]
    while left:
        tree = left.pop()
        if not isinstance(tree, dict) or id(tree) in seen:
            continue
        if any(is_tensor(value) for value in tree.values()):
            return True
        seen.add(id(tree))
        left += [tree.get(name) for name in _ENTRIES]
    return False


def _entry(tree: object, path: str) -> object:
    for name in path.split("/"):
        entries = tree if isinstance(tree, dict) else {}
        if name not in entries:
            known = ", ".join(ascii(n[:_LONGEST_NAME]) for n in entries if isinstance(n, str))
            raise InputError(
                f"no entry {path!r}, expected one of {known[:_LONGEST_LIST] or 'none'}"
            )
        tree = entries[name]
    return tree


def _arrays(tree: object, entry: str) -> dict[str, np.ndarray]:
    where = f"{entry}: " if entry else ""
    if not isinstance(tree, dict) or not tree:
        hint = " (of a whole model, save its state_dict())" if isinstance(tree, StandIn) else ""
        raise InputError(f"{where}expected a state dict, found {described(tree)}{hint}")
    for name in tree:
        if not isinstance(name, str) or not (name.isascii() and name.isprintable()):
            raise InputError(f"{where}expected names of tensors, found {described(name)}")
    return {name: _array(name, value) for name, value in tree.items()}


def _array(name: str, value: object) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    if not is_tensor(value):
        hint = f"; --entry={name} reads the tensors in it" if _holds_tensors(value) else ""
        name = name[:_LONGEST_NAME]
        raise InputError(f"{name}: expected a tensor, found {described(value)}{hint}")
    try:
        return value.array()
    except InputError as error:
        raise InputError(f"{name[:_LONGEST_NAME]}: {error}") from error
