"""What a pickle may hold here: plain values, records of ours, and stand-ins for everything else."""

from collections.abc import Callable, Iterable

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


class PlainFunctions:
    """What a pickle may call to make mappings.

    A list is turned into a mapping once, and a mapping is taken as it is, since a pickle can pass
    one of them to any number of calls. Programs that write pickles make them for one call each.

    Attributes:
      by_name: the functions, by "module.name"; builtins have the names of Python 2 and 3.
    """

    def __init__(self):
        """Nothing made yet."""
        self._made: dict[int, tuple[object, dict]] = {}
        self.by_name: dict[str, Callable] = {
            "collections.OrderedDict": self._mapping,
            "collections.defaultdict": self._default_mapping,
            "builtins.dict": self._mapping,
            "__builtin__.dict": self._mapping,
        }

    def _mapping(self, items: Iterable = ()) -> dict:
        """Stands for `OrderedDict` and `dict`; Python 2 gives the items as a list of pairs."""
        if isinstance(items, dict):
            return items
        if not items:
            return {}
        if id(items) not in self._made:  # the items are kept, so that their id stays theirs
            made = {}
            set_items(made, items)
            self._made[id(items)] = items, made
        return self._made[id(items)][1]

    def _default_mapping(self, _factory: object = None, items: Iterable = ()) -> dict:
        """Stands for `defaultdict`."""
        return self._mapping(items)
