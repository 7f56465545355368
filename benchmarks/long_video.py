"""How much memory tracking takes while a video goes on.

    python -m benchmarks.long_video [--frames 2000] [--size WIDTH HEIGHT] [--chunk 4]
        [--checkpoint PATH] [--report-every 500] [--config.FIELD=VALUE ...]

Tracks generated frames, in which a square moves over noise, with the small model of the package or
a checkpoint, by `Predictor.track`, and prints the resident memory of the process on the way. The
model sees the frames in the size that they have.
"""

import gc
import itertools
import pathlib
import resource
import time
from collections.abc import Iterator

import numpy as np

from ovis_jax.demo import MODEL
from ovis_jax.predict import Predictor
from ovis_jax.predict.trained import chosen_config
from ovis_jax.tools.tool import ToolParser


def generated_frames(count: int, width: int, height: int) -> Iterator[np.ndarray]:
    """Frames [height, width, 3] uint8, each another one, made when they are asked for."""
    rng = np.random.default_rng(0)
    background = rng.integers(0, 255, (height, width, 3), np.uint8)
    side = height // 3
    for number in range(count):
        frame = background.copy()
        x, y = 7 * number % (width - side), 3 * number % (height - side)
        frame[y : y + side, x : x + side] = (200, 30 + number % 200, 60)
        yield frame


def resident_megabytes() -> float:
    """Memory of this process that is in use, as Linux counts it."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def measure(
    predictor: Predictor, frames: Iterator[np.ndarray], every: int
) -> list[tuple[int, int, float]]:
    """Frames and objects so far, and megabytes in use, every so many frames."""
    rows, objects = [], 0
    for result in predictor.track(frames):
        objects += len(result)
        if (result.frame + 1) % every == 0:
            gc.collect()
            rows.append((result.frame + 1, objects, resident_megabytes()))
            print("{:>9} frames {:>9} objects {:>8.0f} MB".format(*rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measures and prints."""
    parser = ToolParser(prog="python -m benchmarks.long_video")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--size", type=int, nargs=2, default=(320, 192), metavar=("W", "H"))
    parser.add_argument("--chunk", type=int, help="frames encoded together; default: the model's")
    parser.add_argument("--report-every", type=int, default=500)
    parser.add_argument("--checkpoint", default=MODEL)
    options, settings = parser.parse_with_settings(None)
    width, height = options.size
    resized = f"--config.data.image_scale=({width}, {height})"
    config = chosen_config(options.checkpoint, None, [resized, *settings])
    predictor = Predictor.from_checkpoint(options.checkpoint, config, chunk=options.chunk)
    began = time.monotonic()
    frames = generated_frames(options.frames, width, height)
    rows = measure(predictor, frames, options.report_every)
    rate = options.frames / (time.monotonic() - began)
    grown = [after - before for (*_, before), (*_, after) in itertools.pairwise(rows)]
    print(f"{rate:.1f} frames/s; memory grew by {sum(grown):.1f} MB after the first report")


if __name__ == "__main__":
    main()
