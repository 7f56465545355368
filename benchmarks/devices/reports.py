"""What a compiled program tells, as numbers by name."""

from __future__ import annotations

import collections
import re

from benchmarks.devices.hlo import Instruction, Program
from benchmarks.devices.loops import executed, loops_of_unknown_length
from benchmarks.devices.stages import stage
from benchmarks.devices.targets import Target

DEAREST = 10
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
# What takes no time of its own on a device: names for memory, and ends of what was started before.
FREE = frozenset(
    "parameter tuple get-tuple-element bitcast constant while conditional call after-all "
    "partition-id replica-id async-update async-done copy-done all-reduce-done all-gather-done "
    "collective-permute-done add-dependency opt-barrier".split()
)
# What the compiler of TPUs does not estimate, or not at all sizes.
UNESTIMATED = ("gather", "scatter", "sort")
_CONVOLUTION = re.compile(r"^__cudnn\$conv(\w+)")
_LABELS = re.compile(r"dim_labels=([\w>\-]+)")


def report(program: Program, target: Target) -> dict:
    """Everything that the text of a program tells about a target."""
    found = {"loops_of_unknown_length": loops_of_unknown_length(program)}
    found |= {"exchanged_bytes": exchanged_bytes(program)}
    special = tpu_report if target.platform == "tpu" else gpu_report
    return found | special(program)


def tpu_report(program: Program) -> dict:
    """Estimated cycles in all, by stage, and of the dearest instructions.

    "cycles" counts the body of a loop as often as it runs; "cycles_loops_once" counts it once.
    """
    times = [(i, n) for i, n in executed(program) if i.cycles]
    stages: dict[str, int] = collections.Counter()
    opcodes: dict[str, int] = collections.Counter()
    for instruction, count in times:
        stages[stage(instruction.op_name)] += count * instruction.cycles
        opcodes[instruction.opcode] += count * instruction.cycles
    once = sum(i.cycles for i, _ in executed(program, loops_once=True))
    return {
        "cycles": sum(stages.values()),
        "cycles_loops_once": once,
        "stages": by_size(stages),
        "opcodes": by_size(opcodes),
        "unestimated": unestimated(program),
        "dearest": dearest(times),
        "instructions": sum(1 for i, _ in executed(program) if i.opcode not in FREE),
    }


def unestimated(program: Program) -> dict[str, int]:
    """How often gathers, scatters and sorts run, inside of fusions, too; their cycles are unknown.

    Source: `findings/xla_tpu_scatter_estimates.sh`.
    """
    found: dict[str, int] = collections.Counter()

    def look(instruction: Instruction, count: int) -> None:
        if instruction.opcode in UNESTIMATED:
            found[instruction.opcode] += count
        for name in instruction.called.get("calls", ()):
            for inner in program.computations[name]:
                look(inner, count)

    for instruction, count in executed(program):
        look(instruction, count)
    return by_size(found)


def dearest(times: list[tuple[Instruction, int]]) -> list[dict]:
    """The instructions with most cycles."""
    order = sorted(times, key=lambda x: -x[0].cycles * x[1])
    return [
        {
            "cycles": count * instruction.cycles,
            "times": count,
            "name": instruction.name,
            "type": instruction.type,
            "stage": stage(instruction.op_name),
            "op_name": instruction.op_name,
        }
        for instruction, count in order[:DEAREST]
    ]


def gpu_report(program: Program) -> dict:
    """Kernels in all, by kind and by stage, and what convolutions look like.

    "launches" counts the body of a loop once, and the loop; "kernels" counts bodies as often as
    they run where that is known, and loops not at all.
    """
    once = list(executed(program, loops_once=True))
    kinds: dict[str, int] = collections.Counter()
    for instruction, _ in once:
        if instruction.opcode == "while" or instruction.opcode not in FREE:
            kinds[kind(instruction)] += 1
    stages: dict[str, int] = collections.Counter()
    kernels = 0
    for instruction, count in executed(program):
        if instruction.opcode not in FREE:
            stages[stage(instruction.op_name)] += count
            kernels += count
    return {
        "launches": sum(kinds.values()),
        "kinds": by_size(kinds),
        "kernels": kernels,
        "stages": by_size(stages),
        "convolutions": by_size(collections.Counter(convolutions(program))),
    }


def kind(instruction: Instruction) -> str:
    """What a launch is: "fusion", "copy", "loop", the library function of a call, and so on."""
    if instruction.opcode == "while":
        return "loop"
    if instruction.opcode != "custom-call":
        return instruction.opcode.removesuffix("-start")
    convolution = _CONVOLUTION.match(instruction.custom_call_target)
    return "convolution" if convolution else instruction.custom_call_target


def convolutions(program: Program) -> list[str]:
    """Direction, layout of operands and result, and type of every library convolution."""
    found = []
    for instruction, _ in executed(program, loops_once=True):
        name = _CONVOLUTION.match(instruction.custom_call_target)
        if name:
            labels = _LABELS.search(instruction.line)
            element = instruction.type.lstrip("(").split("[")[0]
            found.append(f"{name[1]} {labels[1] if labels else '?'} {element}")
    return found


def exchanged_bytes(program: Program) -> dict[str, int]:
    """Bytes of the results of what devices exchange, by operation."""
    total: dict[str, int] = collections.Counter()
    for instruction, count in executed(program):
        name = instruction.opcode.removesuffix("-start")
        if name in COLLECTIVES:
            total[name] += count * instruction.bytes
    return dict(total)


def by_size(numbers: dict[str, int]) -> dict[str, int]:
    """The same, largest first."""
    return dict(sorted(numbers.items(), key=lambda x: -x[1]))
