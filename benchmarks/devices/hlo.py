"""Reads the text of a compiled program: its computations and their instructions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{\s*$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = ")
_OPCODE = re.compile(r"\s*([\w\-]+)\(")
_CALLED = re.compile(
    r"\b(calls|to_apply|condition|body|branch_computations|true_computation|false_computation|"
    r"called_computations)=(\{[^}]*\}|%?[\w.\-]+)"
)
_OP_NAME = re.compile(r'op_name="([^"]*)"')
_CYCLES = re.compile(r'"estimated_cycles":"?(\d+)')
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
_ARRAY = re.compile(r"\b(pred|token|[subf]\d+|bf16|f8\w+|c64|c128)\[([\d,]*)\]")
_COMMENT = re.compile(r"/\*.*?\*/")


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of a computation.

    Attributes:
      name: unique in the program.
      type: of its result, with layout.
      opcode: such as "fusion".
      called: computations that it calls, by attribute ("body", "calls" and so on).
      op_name: which part of the traced program it came from; empty if the compiler made it.
      line: the text.
    """

    name: str
    type: str
    opcode: str
    called: dict[str, tuple[str, ...]]
    op_name: str
    line: str

    @property
    def cycles(self) -> int:
        """What the compiler of TPUs estimates; 0 where it says nothing."""
        found = _CYCLES.search(self.line)
        return int(found[1]) if found else 0

    @property
    def known_trips(self) -> int | None:
        """How often a loop runs, where the compiler knows."""
        found = _TRIPS.search(self.line)
        return int(found[1]) if found else None

    @property
    def custom_call_target(self) -> str:
        """The library function of a custom call; empty for other instructions."""
        found = _TARGET.search(self.line)
        return found[1] if found else ""

    @property
    def bytes(self) -> int:
        """Of its result without padding."""
        return bytes_of(self.type)

    @property
    def operands(self) -> list[str]:
        """Names of its operands."""
        start = self.line.index(f"{self.opcode}(") + len(self.opcode)
        return re.findall(r"%([\w.\-]+)", balanced(self.line, start))


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled program.

    Attributes:
      entry: name of the computation that it starts with.
      computations: instructions of each computation, by name.
    """

    entry: str
    computations: dict[str, list[Instruction]]


def parse(text: str) -> Program:
    """Reads the text that `compiled.as_text()` returns.

    Raises:
      ValueError: it holds no entry computation.
    """
    computations: dict[str, list[Instruction]] = {}
    entry, current = None, None
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header:
            current = computations.setdefault(header[2], [])
            entry = header[2] if header[1] else entry
        elif current is not None and (start := _INSTRUCTION.match(line)):
            current.append(_instruction(start[1], line, start.end()))
    if entry is None:
        raise ValueError("the text holds no ENTRY computation")
    return Program(entry, computations)


def _instruction(name: str, line: str, start: int) -> Instruction:
    line = _COMMENT.sub("", line)
    kind = balanced(line, start) if line[start] == "(" else line[start:].split(" ", 1)[0]
    opcode = _OPCODE.match(line, start + len(kind))
    found = _OP_NAME.search(line)
    return Instruction(
        name=name,
        type=kind,
        opcode=opcode[1] if opcode else "",
        called={key: tuple(_names(value)) for key, value in _CALLED.findall(line)},
        op_name=found[1] if found else "",
        line=line,
    )


def _names(value: str) -> Iterator[str]:
    return (x.strip().lstrip("%") for x in value.strip("{}").split(",") if x.strip())


def balanced(line: str, start: int) -> str:
    """The text from an opening parenthesis to the one that closes it."""
    depth = 0
    for end in range(start, len(line)):
        depth += {"(": 1, ")": -1}.get(line[end], 0)
        if depth == 0:
            return line[start : end + 1]
    return line[start:]


def bytes_of(kind: str) -> int:
    """Bytes of all arrays of a type; padding of tiles is not counted."""
    total = 0
    for element, shape in _ARRAY.findall(kind):
        count = 1
        for side in shape.split(","):
            count *= int(side) if side else 1
        total += count * _element_bytes(element)
    return total


def _element_bytes(element: str) -> int:
    if element == "token":
        return 0
    bits = re.search(r"\d+", element)
    return max(int(bits[0]) // 8, 1) if bits and not element.startswith("f8") else 1
