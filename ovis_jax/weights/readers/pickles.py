"""Pickles, interpreted here so that they cannot import or run anything.

A pickle is a program for a small machine with a stack. Python's own machine looks names up and
calls what it finds; this one calls only the functions of a table, and whatever else a pickle asks
for becomes a stand-in.
"""

import io
import pickletools
from collections.abc import Callable, Mapping

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.pickle_objects import (
    Constructor,
    Filled,
    StandIn,
    set_items,
)

_NEWEST_PROTOCOL = 5
# Opcodes whose argument is the value.
_VALUES = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE "
    "BINUNICODE8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": lambda: StandIn("builtins.set")}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def load_pickle(
    file: io.BytesIO,
    functions: Mapping[str, Callable],
    persistent_load: Callable[[object], object] | None = None,
) -> object:
    """The object of the pickle at the position of a file, which moves to its end.

    Args:
      file: in memory.
      functions: what the pickle may call, by "module.name".
      persistent_load: gives the object of a persistent id; without it those are stand-ins.

    Raises:
      InputError: the pickle needs more than itself, or changes what it may not.
      Exception: whatever a damaged pickle leads to.
    """
    machine = _Machine(functions, persistent_load)
    for opcode, argument, _ in pickletools.genops(file):
        machine.step(opcode.name, argument)
    return machine.result()


class _Machine:
    """The stack of objects, those below each mark, and those that the pickle refers to again."""

    def __init__(self, functions: Mapping[str, Callable], persistent_load: Callable | None):
        self._functions, self._persistent_load = functions, persistent_load
        self._stack: list = []
        self._below: list[list] = []
        self._memo: dict[int, object] = {}

    def step(self, opcode: str, argument: object) -> None:
        """Carries out one instruction."""
        if opcode in _VALUES:
            self._stack.append(argument)
        elif opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            self._stack.append(_EMPTY[opcode]())
        elif opcode in _TUPLES:
            self._stack.append(self._top(_TUPLES[opcode]))
        elif opcode in _INSTRUCTIONS:
            _INSTRUCTIONS[opcode](self, argument)
        else:
            raise InputError(f"a pickle with the unknown instruction {opcode}")

    def result(self) -> object:
        """What a finished pickle leaves on the stack."""
        (made,) = self._stack
        return made

    def _top(self, count: int) -> tuple:
        """Takes objects off the stack."""
        if count > len(self._stack):
            raise InputError("a pickle that takes more than it made")
        taken = tuple(self._stack[-count:])
        del self._stack[-count:]
        return taken

    def _marked(self) -> list:
        """Takes everything above the mark off the stack."""
        taken, self._stack = self._stack, self._below.pop()
        return taken

    def _protocol(self, number: int) -> None:
        if number > _NEWEST_PROTOCOL:
            raise InputError(f"a pickle of protocol {number}, expected {_NEWEST_PROTOCOL} or less")

    def _frame(self, _) -> None:
        """Frames only help to read a file in pieces."""

    def _mark(self, _) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop(self, _) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _) -> None:
        self._marked()

    def _duplicate(self, _) -> None:
        self._stack.append(self._stack[-1])

    def _put(self, number: int) -> None:
        self._memo[int(number)] = self._stack[-1]

    def _memoize(self, _) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, number: int) -> None:
        self._stack.append(self._memo[int(number)])

    def _tuple(self, _) -> None:
        made = tuple(self._marked())
        self._stack.append(made)

    def _list(self, _) -> None:
        made = self._marked()
        self._stack.append(made)

    def _dict(self, _) -> None:
        made, items = {}, self._marked()
        set_items(made, zip(items[::2], items[1::2], strict=True))
        self._stack.append(made)

    def _frozenset(self, _) -> None:
        self._marked()
        self._stack.append(StandIn("builtins.frozenset"))

    def _append(self, _) -> None:
        self._extend(list(self._top(1)))

    def _appends(self, _) -> None:
        self._extend(self._marked())

    def _extend(self, items: list) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, StandIn):
            raise InputError(f"a pickle that adds to a {type(target).__name__}")

    def _set_item(self, _) -> None:
        self._update(list(self._top(2)))

    def _set_items(self, _) -> None:
        self._update(self._marked())

    def _update(self, items: list) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            set_items(target, zip(items[::2], items[1::2], strict=True))
        elif not isinstance(target, StandIn):
            raise InputError(f"a pickle that sets items of a {type(target).__name__}")

    def _global(self, names: str) -> None:
        module, _, name = names.partition(" ")
        self._stack.append(self._named(module, name))

    def _stack_global(self, _) -> None:
        module, name = self._top(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise InputError("a pickle that needs what has no name")
        self._stack.append(self._named(module, name))

    def _named(self, module: str, name: str) -> Constructor | StandIn:
        full = f"{module}.{name}"
        return (
            Constructor(full, self._functions[full]) if full in self._functions else StandIn(full)
        )

    def _reduce(self, _) -> None:
        self._stack.append(_made(*self._top(2)))

    def _new_object(self, _) -> None:
        self._stack.append(_made(*self._top(2)))

    def _new_object_by_keywords(self, _) -> None:
        made, arguments, _keywords = self._top(3)
        self._stack.append(_made(made, arguments))

    def _instance(self, names: str) -> None:
        arguments = tuple(self._marked())
        module, _, name = names.partition(" ")
        self._stack.append(_made(self._named(module, name), arguments))

    def _object(self, _) -> None:
        made, *arguments = self._marked()
        self._stack.append(_made(made, tuple(arguments)))

    def _build(self, _) -> None:
        (state,) = self._top(1)
        target = self._stack[-1]
        if isinstance(target, Filled):
            target.fill(state)
        elif not isinstance(target, StandIn | dict):  # attributes of a mapping are no items
            raise InputError(f"a pickle that changes a {type(target).__name__}")

    def _persistent_text(self, name: str) -> None:
        self._stack.append(StandIn(f"persistent id {name}"))

    def _persistent(self, _) -> None:
        (name,) = self._top(1)
        load = self._persistent_load
        self._stack.append(load(name) if load else StandIn("persistent id"))

    def _extension(self, _) -> None:
        """Asks the interpreter's own registry for a name."""
        raise InputError("a pickle that needs an extension code")

    def _buffer(self, _) -> None:
        raise InputError("a pickle that needs buffers outside the file")

    def _stop(self, _) -> None:
        if self._below:
            raise InputError("a pickle that ends within an object")


def _made(function: object, arguments: object) -> object:
    """What a pickle gets when it calls something."""
    if not isinstance(arguments, tuple):
        raise InputError("a pickle that calls something without arguments")
    if isinstance(function, Constructor):
        return function(arguments)
    if isinstance(function, StandIn):
        return StandIn(function.name)
    raise InputError(f"a pickle that calls a {type(function).__name__}")


_INSTRUCTIONS = {
    "PROTO": _Machine._protocol,
    "FRAME": _Machine._frame,
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": _Machine._pop_mark,
    "DUP": _Machine._duplicate,
    "TUPLE": _Machine._tuple,
    "LIST": _Machine._list,
    "DICT": _Machine._dict,
    "FROZENSET": _Machine._frozenset,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "ADDITEMS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._reduce,
    "NEWOBJ": _Machine._new_object,
    "NEWOBJ_EX": _Machine._new_object_by_keywords,
    "INST": _Machine._instance,
    "OBJ": _Machine._object,
    "BUILD": _Machine._build,
    "PERSID": _Machine._persistent_text,
    "BINPERSID": _Machine._persistent,
    "STOP": _Machine._stop,
    "MEMOIZE": _Machine._memoize,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine._put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine._get),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _Machine._extension),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), _Machine._buffer),
}
