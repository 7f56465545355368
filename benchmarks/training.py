"""Times training steps of the full-size model, and says what memory they take.

    python -m benchmarks.training [--config FILE] [--pairs 2] [--steps 5] [--dtype float32]
        [--matmul-precision highest] [--microbatches 1] [--rematerialise] [--skip-data]
        [--skip-torch]

Rows: ours on a batch that lies ready; ours fed by the input pipeline from generated 1080p frames,
with the share of the time that a step waits for its batch (after the batches that were loaded
ahead); and, if PyTorch is installed, the same layers with as many samples in eager PyTorch on the
same kind of device, without microbatches and rematerialisation. Weights are random. Without an
accelerator, memory is measured on Linux only.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator

import jax
import numpy as np
from ml_collections import ConfigDict

from benchmarks.alternatives.torch_process import in_own_process
from benchmarks.peak_memory import PeakMemory
from benchmarks.train_program import GIB, TrainProgram, load_config
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.program.compilation import PRECISIONS
from ovis_jax.program.start import start
from ovis_jax.structures import Clips
from ovis_jax.training.progress import Stopwatch
from ovis_jax.training.sharding import split_batch

LOADED_AHEAD = 5  # batches, at most
_SHAPES = ShapesParameters(
    train_videos=4,
    valid_videos=0,
    frames=10,
    width=1920,
    height=1080,
    sizes=(200.0, 480.0),
    speed=30.0,
    camera=96.0,
)


def main() -> None:
    """Prints a row for each way of training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/cmasktrack_rcnn_r50_ovis.py")
    parser.add_argument("--pairs", type=int, default=2, help="frame pairs of a batch")
    parser.add_argument("--steps", type=int, default=5, help="timed, after one that is not")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--matmul-precision", choices=PRECISIONS, default="highest", help="of float32 products"
    )
    parser.add_argument("--microbatches", type=int, default=1)
    parser.add_argument("--rematerialise", action="store_true")
    parser.add_argument("--skip-data", action="store_true")
    parser.add_argument("--skip-torch", action="store_true")
    options = parser.parse_args()
    start(options.matmul_precision)
    config = load_config(options.config)
    config.model.update(dtype=options.dtype, rematerialise=options.rematerialise)
    config.train.microbatches = options.microbatches
    print(f"{options.pairs} pairs a step, {options.dtype}, {jax.devices()[0].device_kind}")
    with tempfile.TemporaryDirectory() as folder:
        use_shapes(config, pathlib.Path(folder))
        time_ours(config, options)
    if not options.skip_torch and not (options.microbatches > 1 or options.rematerialise):
        rows, _, *frame = TrainProgram(config).batch_shapes(options.pairs).frames.shape
        times = in_own_process(time_torch, config, options, (rows, *frame))
        if times:
            place, seconds = times
            row("PyTorch " + place, 2 * options.pairs / seconds, options)


def use_shapes(config: ConfigDict, folder: pathlib.Path) -> None:
    """Generates 1080p videos and points the configuration to them."""
    generate(folder / "shapes", _SHAPES)
    config.data.train_annotations = str(folder / "shapes" / "annotations_train.json")
    config.data.train_images = str(folder / "shapes" / "train")


def time_ours(config: ConfigDict, options: argparse.Namespace) -> None:
    """Prints the rows of our model."""
    program, key = TrainProgram(config), jax.random.key(0)
    data = open_training_data(config.data, config.capacity.instances)
    ready = next(training_batches(data, batch_size=options.pairs, seed=0))

    def step(state, rows):
        return program.step(state, split_batch(rows, program.mesh), key)

    jax.block_until_ready(step(program.state(), ready))  # compiles, which is not to be measured
    memory = PeakMemory()
    state = report("ours, batch lies ready", step, program.state(), forever(ready), options)
    print(f"  memory: {memory.largest() / GIB:.2f} GiB of {memory.place}")
    rows = options.pairs // program.mesh.size
    print(f"  by the formula: {program.memory(rows, rows // options.microbatches)}")
    if not options.skip_data:
        batches = training_batches(data, batch_size=options.pairs, seed=0)
        report("ours, from 1080p JPEG files", step, state, batches, options, untimed=LOADED_AHEAD)


def forever(batch: Clips) -> Iterator[Clips]:
    """The same batch again and again."""
    while True:
        yield batch


def report(
    name: str,
    step: Callable,
    state,
    batches: Iterator[Clips],
    options: argparse.Namespace,
    untimed: int = 1,
):
    """Prints the speed of `step(state, batch) -> state, metrics` and returns the last state."""
    for _ in range(untimed):
        state, metrics = step(state, next(batches))
    jax.block_until_ready(metrics)
    stopwatch = Stopwatch()
    for _ in range(options.steps):
        state, metrics = step(state, stopwatch.next_batch(batches))
        jax.block_until_ready(metrics)
    lap = stopwatch.lap()
    row(name, lap["frames_per_second"], options, f"{lap['data_wait']:8.1%} waiting for data")
    return state


def row(name: str, images: float, options: argparse.Namespace, more: str = "") -> None:
    """Prints a line for a speed in images a second."""
    milliseconds = 2e3 * options.pairs / images
    print(f"  {name:30s}{images:8.2f} images/s{milliseconds:10.0f} ms/step{more}", flush=True)


def time_torch(config: ConfigDict, options: argparse.Namespace, shape: tuple[int, ...]):
    """Device and seconds of a step, for frames [B, H, W, 3]."""
    from benchmarks.alternatives.torch_model import multiply_with
    from benchmarks.alternatives.torch_training import TorchTraining

    multiply_with(options.matmul_precision)
    training = TorchTraining(config, options.dtype)
    images = np.zeros((2, *shape), np.float32)
    times = []
    for _ in range(options.steps + 1):
        start = time.perf_counter()
        training.step(images)
        times.append(time.perf_counter() - start)
    return training.place, sum(times[1:]) / options.steps


if __name__ == "__main__":
    main()
