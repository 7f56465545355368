"""Predicts how training scales: bytes exchanged per step, time, efficiency, memory per device.

    python -m benchmarks.scaling --config configs/cmasktrack_rcnn_r50_ovis.py --pairs 2
        --step-seconds 0.35 --bandwidth 100 [--devices 8 64 256] [--dtype bfloat16]
        [--rematerialise]

Nothing is run: the step is compiled for two simulated devices, and what it exchanges is read from
the compiled program. `--step-seconds` is the time of a step on one device, from
`benchmarks.training`; `--bandwidth` is what one device sends and receives, in 10^9 bytes/s.

A ring all-reduce of S bytes among N devices sends 2 (N - 1) / N S bytes from each. The two
efficiencies are for an exchange that starts when the step is done, and for one that is hidden
behind the computation as far as it is shorter.
"""

from __future__ import annotations

import argparse
import math
import os
import re

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_NUM_CPU_DEVICES"] = "2"


import jax

from benchmarks.train_program import GIB, TrainProgram, load_config

_SIZES = {"f32": 4, "bf16": 2, "s32": 4, "u32": 4, "pred": 1}
_ARRAY = re.compile(r"(f32|bf16|s32|u32|pred)\[([\d,]*)\]")


def main() -> None:
    """Prints what is exchanged, and a row for each number of devices."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/cmasktrack_rcnn_r50_ovis.py")
    parser.add_argument("--pairs", type=int, default=2, help="frame pairs per device and step")
    parser.add_argument("--step-seconds", type=float, required=True)
    parser.add_argument("--bandwidth", type=float, required=True, help="10^9 bytes/s per device")
    parser.add_argument("--devices", type=int, nargs="+", default=[8, 64, 256])
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rematerialise", action="store_true")
    options = parser.parse_args()
    config = load_config(options.config)
    config.model.update(dtype=options.dtype, rematerialise=options.rematerialise)
    program = TrainProgram(config)
    compiled = program.compile(2 * options.pairs)
    print_memory(program, options.pairs, compiled)
    text = compiled.as_text()
    exchanged = exchanged_bytes(text)
    print(f"exchanged per step: {exchanged / 1e6:.1f} MB in {len(exchanges(text))} all-reduces")
    print(f"{'devices':>8s}{'pairs':>8s}{'exchange':>12s}{'efficiency':>24s}{'pairs/s':>18s}")
    for number in options.devices:
        seconds = exchange_seconds(exchanged, number, options.bandwidth)
        after, hidden = efficiencies(options.step_seconds, seconds)
        ideal = number * options.pairs / options.step_seconds
        row = f"{number:8d}{number * options.pairs:8d}{1e3 * seconds:9.1f} ms"
        speeds = f"{after * ideal:.0f} to {hidden * ideal:.0f}"
        print(row + f"{f'{after:.1%} to {hidden:.1%}':>24s}{speeds:>18s}")


def print_memory(program: TrainProgram, pairs: int, compiled: jax.stages.Compiled) -> None:
    """Prints what a device needs by the formula, and what the compiler says for this machine."""
    print(f"memory per device: {program.memory(pairs)}")
    found = compiled.memory_analysis()
    said = found.argument_size_in_bytes + found.temp_size_in_bytes
    print(f"the compiler reserves {said / GIB:.2f} GiB on this kind of device")


def exchanged_bytes(program: str) -> int:
    """Bytes that the all-reduces of a compiled program add up over the devices."""
    arrays = [array for result in exchanges(program) for array in _ARRAY.findall(result)]
    return sum(
        _SIZES[kind] * math.prod(int(n) for n in shape.split(",") if n) for kind, shape in arrays
    )


def exchanges(program: str) -> list[str]:
    """Types of the results of all all-reduces."""
    return re.findall(r"= (.*?) all-reduce(?:-start)?\(", program)


def exchange_seconds(size: int, devices: int, bandwidth: float) -> float:
    """Seconds of a ring all-reduce of `size` bytes at `bandwidth` * 10^9 bytes/s per device."""
    return 2 * (devices - 1) / devices * size / (bandwidth * 1e9)


def efficiencies(step: float, exchange: float) -> tuple[float, float]:
    """Share of the ideal speed without and with the best overlap, from seconds."""
    return step / (step + exchange), step / max(step, exchange)


if __name__ == "__main__":
    main()
