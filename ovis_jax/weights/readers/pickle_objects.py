"""What a pickle may hold here: plain values, records of ours, and stand-ins for everything else."""

from collections.abc import Callable, Iterable, Mapping

from ovis_jax.formats.errors import InputError

_KEYS = (str, int, float, bytes, type(None))


class StandIn:
    """A foreign object or class, of which only the name is kept.

    Whatever a pickle does to it - calls, attributes, items - is dropped and gives a stand-in again.

    Attributes:
      name: what the pickle asked for, such as "argparse.Namespace".
    """

    __slots__ = ("name",)

    def __init__(self, name: str):
        """Stands for what has the name."""
        self.name = name


class Constructor:
    """A function of ours that stands for one that a pickle may call."""

    __slots__ = ("name", "_make")

    def __init__(self, name: str, make: Callable):
        """Calls `make` for the function of the name."""
        self.name, self._make = name, make

    def __call__(self, arguments: tuple) -> object:
        """Makes one object; a stand-in if the arguments are not those of the function."""
        try:
            return self._make(*arguments)
        except (TypeError, ValueError):
            return StandIn(self.name)


class Filled:
    """A record that takes the state that a pickle brings for it."""

    __slots__ = ()

    def fill(self, state: object) -> None:
        """Takes the state, which is checked when the record is used."""
        raise InputError(f"a pickle that changes a {type(self).__name__}")


def set_items(mapping: dict, items: Iterable[tuple[object, object]]) -> None:
    """Sets items; a key other than text, bytes or a number becomes a stand-in.

    The hash of nested tuples may take forever or overflow the stack; nothing here looks for them.
    """
    for key, value in items:
        known = isinstance(key, _KEYS) or isinstance(key, StandIn)
        mapping[key if known else StandIn(type(key).__name__)] = value


def _mapping(items: Iterable = ()) -> dict:
    """Stands for `OrderedDict` and `dict`; Python 2 gives the items as a list of pairs."""
    made = {}
    set_items(made, items.items() if isinstance(items, Mapping) else items)
    return made


def _default_mapping(_factory: object = None, items: Iterable = ()) -> dict:
    """Stands for `defaultdict`."""
    return _mapping(items)


# By "module.name"; both spellings of builtins are those of Python 2 and 3.
PLAIN_NAMES: dict[str, Callable] = {
    "collections.OrderedDict": _mapping,
    "collections.defaultdict": _default_mapping,
    "builtins.dict": _mapping,
    "__builtin__.dict": _mapping,
}
