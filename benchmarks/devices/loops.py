"""How often each instruction of a program runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.devices.hlo import Instruction, Program

_CONSTANT = re.compile(r"constant\((\d+)\)")
_INSIDE = ("calls", "to_apply", "called_computations")
_CALLERS = ("call", "async-start")  # what these call is a part of the program, not of a kernel


def executed(program: Program, *, loops_once: bool = False) -> Iterator[tuple[Instruction, int]]:
    """Every instruction outside fused kernels and how often it runs.

    The body of a loop counts as often as the loop runs where that can be read from the program,
    else once, and so does every body with `loops_once`. Of the branches of a condition the one
    with most cycles counts, of equal ones the longest.
    """
    yield from _executed(program, program.entry, 1, loops_once)


def _executed(program, name: str, times: int, once: bool) -> Iterator[tuple[Instruction, int]]:
    for instruction in program.computations.get(name, ()):
        yield instruction, times
        if instruction.opcode == "while":
            count = 1 if once else trips(program, instruction) or 1
            for body in instruction.called.get("body", ()):
                yield from _executed(program, body, times * count, once)
        elif instruction.opcode == "conditional":
            yield from _longest(program, _branches(instruction), times, once)
        elif instruction.opcode in _CALLERS:
            for inner in _called(instruction):
                yield from _executed(program, inner, times, once)


def _longest(program, branches, times: int, once: bool) -> list[tuple[Instruction, int]]:
    found = [list(_executed(program, branch, times, once)) for branch in branches]
    return max(found, key=lambda x: (sum(i.cycles * n for i, n in x), len(x)), default=[])


def _branches(instruction: Instruction) -> list[str]:
    keys = ("branch_computations", "true_computation", "false_computation")
    return [name for key in keys for name in instruction.called.get(key, ())]


def _called(instruction: Instruction) -> list[str]:
    return [name for key in _INSIDE for name in instruction.called.get(key, ())]


def trips(program: Program, loop: Instruction) -> int | None:
    """How often a loop runs, None where that depends on the data.

    What the compiler says counts; else a counter from 0 that is compared with a constant, as loops
    of known length are written.
    """
    if loop.known_trips is not None:
        return loop.known_trips
    (condition,) = loop.called["condition"]
    lines = program.computations.get(condition, [])
    root = next((x for x in lines if x.line.lstrip().startswith("ROOT")), None)
    if root is None or root.opcode != "compare" or "direction=LT" not in root.line:
        return None
    by_name = {x.name: x for x in lines}
    bounds = [by_name[x] for x in root.operands if x in by_name and _is_constant(by_name[x])]
    return int(_CONSTANT.search(bounds[0].line)[1]) if len(bounds) == 1 else None


def _is_constant(instruction: Instruction) -> bool:
    return instruction.opcode == "constant" and bool(_CONSTANT.search(instruction.line))


def loops_of_unknown_length(program: Program) -> list[str]:
    """Names of the loops whose bodies are counted once, as nobody knows better."""
    return [
        instruction.name
        for instruction, _ in executed(program)
        if instruction.opcode == "while" and trips(program, instruction) is None
    ]
