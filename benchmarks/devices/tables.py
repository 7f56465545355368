"""Reports as text: of one program, and of two beside each other."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.devices.targets import TARGETS, Target

GIB = 2**30
_SHORT = 78


def lines(found: dict) -> Iterator[str]:
    """The lines of one report."""
    target = TARGETS[found["request"]["target"]]
    yield ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    seconds = found["compile_seconds"], found["tracing_seconds"]
    yield "compiled in {:.0f} s, traced in {:.0f} s".format(*seconds)
    yield from _memory(found)
    yield from _floor(found, target)
    if "cycles" in found:
        yield from _tpu(found, target)
    else:
        yield from _gpu(found)
    for name, size in found["exchanged_bytes"].items():
        yield f"exchanged: {size / 1e6:.1f} MB, {name}"
    if found["loops_of_unknown_length"]:
        yield f"loops counted once: {', '.join(found['loops_of_unknown_length'])}"


def _memory(found: dict) -> Iterator[str]:
    memory = {name: size / GIB for name, size in found["memory"].items()}
    yield "a chip, in GiB: " + ", ".join(f"{name} {size:.3f}" for name, size in memory.items())
    if "formula" in found:
        yield f"the formula says: {found['formula']['text']}"


def _floor(found: dict, target: Target) -> Iterator[str]:
    cost = found["cost"]
    if {"operations", "bytes"} <= set(cost):  # compilers may leave one out
        yield (
            f"operations {cost['operations'] / 1e12:.2f} T, at peak "
            f"{1e3 * cost['operations'] / target.operations:.1f} ms; bytes "
            f"{cost['bytes'] / 1e9:.1f} G, at full bandwidth "
            f"{1e3 * cost['bytes'] / target.bandwidth:.1f} ms (loop bodies once)"
        )


def _tpu(found: dict, target: Target) -> Iterator[str]:
    yield (
        f"cycles {found['cycles'] / 1e6:.1f} M = {1e3 * found['cycles'] / target.clock:.1f} ms; "
        f"loop bodies once {found['cycles_loops_once'] / 1e6:.1f} M; "
        f"{found['instructions']} instructions"
    )
    moves = ", ".join(f"{count} {name}s" for name, count in found["unestimated"].items())
    yield f"not in the estimate: {moves or 'nothing'}"
    for title in ("stages", "opcodes"):
        yield f"{title}, million cycles"
        for name, cycles in found[title].items():
            yield f"  {name:32s}{cycles / 1e6:9.2f}{cycles / found['cycles']:8.1%}"
    yield "dearest instructions, million cycles"
    for row in found["dearest"]:
        times = f" x{row['times']}" if row["times"] > 1 else ""
        yield f"  {row['cycles'] / 1e6:6.2f} {row['name']}{times} {row['type'][:_SHORT]}"
        yield f"         {row['stage']}: {row['op_name'][-_SHORT:]}"


def _gpu(found: dict) -> Iterator[str]:
    yield f"launches {found['launches']}, loop bodies once; kernels {found['kernels']}"
    for title in ("kinds", "stages", "convolutions"):
        yield title
        for name, count in found[title].items():
            yield f"  {name:48s}{count:6d}"


def comparison(before: dict, after: dict) -> Iterator[str]:
    """Two reports beside each other: every number that both have."""
    yield f"{'':40s}{'before':>14s}{'after':>14s}{'ratio':>8s}"
    old, new = dict(_numbers(before)), dict(_numbers(after))
    for name in [*new, *(x for x in old if x not in new)]:
        a, b = old.get(name, 0), new.get(name, 0)
        ratio = f"{b / a:8.2f}" if a else f"{'-':>8s}"
        yield f"{name:40s}{a:14,.10g}{b:14,.10g}{ratio}"


def _numbers(found: dict) -> Iterator[tuple[str, float]]:
    yield "compile seconds", round(found["compile_seconds"], 1)
    for name in ("cycles", "cycles_loops_once", "instructions", "launches", "kernels"):
        if name in found:
            yield name, found[name]
    titles = ("memory", "cost", "exchanged_bytes", "kinds", "stages", "opcodes", "unestimated")
    for title in titles:
        for name, value in found.get(title, {}).items():
            yield f"{title}: {name}", value
