"""Frame pairs a second on one core: 1080p JPEG files with run-length masks → ready batches.

    python -m benchmarks.input_pipeline [--seconds 8] [--encoding raw] [--output numbers.json]

Ours, from the raw folder and from prepared records, by tf.data and by threads, beside what a user
would write without it: a loop with OpenCV and pycocotools, and the same in a PyTorch DataLoader.
All give the same batches of 640x360 frames: two images and the masks of the four objects of the
query frame; the first batch of each is compared with ours (halved decoding,
`config.data.halved_decoding`, is the exception: its pixels are slightly others). The others
normalise their images, as is usual; ours stay bytes, which the step normalises on its device: the
time of that is printed too. One more loop also decodes the masks of the reference frame, as loaders
do that treat both frames alike. PyTorch is not timed, and that is said, where it is not installed.
Every loader has a process of its own on one core. Linux only.

Then, for ours, where the time goes.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.alternatives.input_alternatives import (
    BATCH,
    opencv_batches,
    opencv_batches_with_all_masks,
    torch_batches,
)
from benchmarks.inputs.camera_videos import NUM_OBJECTS, data_config, write_data
from benchmarks.inputs.pair_parts import (
    SEED,
    drawn_pairs,
    mean_time,
    pair_time,
    prepared_parts,
    raw_parts,
)
from configs.parts.data import data as data_settings
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
from ovis_jax.ops.normalise import normalise_frames
from ovis_jax.program.host_memory import keep_freed_memory
from ovis_jax.structures import Clips

CAPACITY = 8
DATA = data_settings()


@dataclasses.dataclass(frozen=True)
class Ours:
    """One of our ways to batches.

    Attributes:
      target: times the better of the others.
      prepared: from prepared records, not from the raw folder.
      halved: `config.data.halved_decoding`.
      loader: `config.data.loader`.
    """

    target: float
    prepared: bool = False
    halved: bool = False
    loader: str = "tf_data"


RAW = "ours, raw folder"
OURS = {
    RAW: Ours(2.0),
    "ours, raw folder, threads": Ours(2.0, loader="threads"),
    "ours, raw folder, halved decoding": Ours(2.0, halved=True),
    "ours, prepared records": Ours(5.0, prepared=True),
    "ours, prepared records, threads": Ours(5.0, prepared=True, loader="threads"),
}
OTHERS = {
    "OpenCV + pycocotools": opencv_batches,
    "OpenCV + pycocotools, masks of both frames": opencv_batches_with_all_masks,
    "PyTorch DataLoader": torch_batches,
}


def main() -> None:
    """Writes the data and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="spent on each loader")
    parser.add_argument("--encoding", choices=("raw", "png"), default="raw", help="if prepared")
    parser.add_argument("--output", type=pathlib.Path, help="file for the numbers, JSON")
    parser.add_argument("--time", nargs=2, metavar=("LOADER", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.time:
        name, folder = options.time
        return print(json.dumps(time_loader(name, pathlib.Path(folder), options.seconds)))
    with tempfile.TemporaryDirectory() as folder:
        write_data(pathlib.Path(folder), options.encoding)
        found = time_all(folder, options.seconds)
    better = report(found)
    extra = normalising_time()
    ratio = 1 / (1 / found[RAW]["pairs/s"] + extra / 1000) / better
    print(f"\nnormalising a pair on {jax.devices()[0].device_kind}: {extra:.2f} ms")
    print(f"{RAW}, with that on the same core: {ratio:.2f} times the better other")
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n")


def time_all(folder: str, seconds: float) -> dict[str, dict | None]:
    """Times every loader in a process of its own; None for what is not installed."""
    found = {}
    for name in (*OTHERS, *OURS):
        if name == "PyTorch DataLoader" and importlib.util.find_spec("torch") is None:
            found[name] = None
            continue
        command = [sys.executable, "-m", "benchmarks.input_pipeline", "--time", name, folder]
        command += ["--seconds", str(seconds)]
        process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[name] = json.loads(process.stdout.splitlines()[-1])
    return found


def time_loader(name: str, folder: pathlib.Path, seconds: float) -> dict[str, float]:
    """Pairs a second of one loader and, for ours, milliseconds of each part of a pair."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    cv2.setNumThreads(1)
    if name in OURS:
        return time_ours(OURS[name], folder, seconds)
    return time_other(name, folder, seconds)


def time_ours(own: Ours, folder: pathlib.Path, seconds: float) -> dict[str, float]:
    """Likewise, of one of ours, whose first batch must be that of tf.data from the raw folder."""
    keep_freed_memory()  # as training does
    config = data_config(folder, prepared=own.prepared)
    config.halved_decoding = own.halved
    data = open_training_data(config, CAPACITY)
    batches = training_batches(data, batch_size=BATCH, seed=SEED, loader=own.loader)
    if own.prepared or own.loader != "tf_data":
        jax.tree.map(np.testing.assert_array_equal, next(batches), first_batch(folder))
    found = {"pairs/s": BATCH * rate(batches, seconds)}
    batches.close()
    parts = prepared_parts(data, folder) if own.prepared else raw_parts(data, folder, own.halved)
    parts["everything else of a pair"] = pair_time(data) - sum(parts.values())
    parts["batching"] = 1000 / found["pairs/s"] - sum(parts.values())
    return found | {"parts": parts}


def time_other(name: str, folder: pathlib.Path, seconds: float) -> dict[str, float]:
    """Pairs a second of one of the others."""
    data = open_training_data(data_config(folder, prepared=False), CAPACITY)
    want = first_batch(folder)
    batches = OTHERS[name](drawn_pairs(data, folder))
    check_equal(next(batches), want)
    return {"pairs/s": BATCH * rate(batches, seconds)}


def first_batch(folder: pathlib.Path) -> Clips:
    """What all loaders must begin with."""
    data = open_training_data(data_config(folder, prepared=False), CAPACITY)
    batches = training_batches(data, batch_size=BATCH, seed=SEED, loader="tf_data")
    found = next(batches)
    batches.close()
    return found


def check_equal(found: tuple, want: Clips) -> None:
    """Raises AssertionError unless another loader's batch is ours, up to rounding."""
    query, reference, masks = found
    for t, theirs in enumerate((query, reference)):
        ours = normalise_frames(want.frames[:, t], want.image_size, DATA.mean, DATA.std)
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
    ours = np.unpackbits(want.instances.masks[:, 0, :NUM_OBJECTS], axis=-1)
    np.testing.assert_array_equal(masks, ours)


def rate(batches: Iterator, seconds: float) -> float:
    """Batches a second, after some that are not counted."""
    for _ in range(6):
        next(batches)
    count, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        next(batches)
        count += 1
    return count / (time.perf_counter() - start)


def normalising_time() -> float:
    """Milliseconds in which the device normalises the frames of a pair."""
    frames = jnp.zeros((2, 384, 640, 3), jnp.uint8)
    sizes = jnp.tile(jnp.array([360, 640]), (2, 1))
    program = jax.jit(lambda *x: normalise_frames(*x, DATA.mean, DATA.std))
    return mean_time(lambda _: jax.block_until_ready(program(frames, sizes)))


def report(found: dict[str, dict | None]) -> float:
    """Prints both tables; returns the pairs a second of the better of the others."""
    rates = {name: values["pairs/s"] for name, values in found.items() if values}
    better = max(rates[name] for name in OTHERS if name in rates)
    print("\n| loader | pairs/s per core | times the better other | target |\n|---|---|---|---|")
    for name in found:
        if name not in rates:
            print(f"| {name} | not timed: not installed | | |")
            continue
        target = f"{OURS[name].target:g}" if name in OURS else ""
        print(f"| {name} | {rates[name]:.1f} | {rates[name] / better:.2f} | {target} |")
    for name in OURS:
        print(f"\n| {name} | ms a pair |\n|---|---|")
        for part, milliseconds in found[name]["parts"].items():
            print(f"| {part} | {milliseconds:.2f} |")
        print(f"| sum | {1000 / rates[name]:.2f} |")
    return better


if __name__ == "__main__":
    main()
