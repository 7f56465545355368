"""How much memory tracking takes while a video goes on.

    python -m benchmarks.long_video [--frames 2000] [--checkpoint PATH] [--report-every 500]

Tracks generated frames, in which a patch of noise moves, with the small model of the package or a
checkpoint, by `Predictor.track`, and prints the resident memory of the process on the way.
"""

import argparse
import gc
import itertools
import pathlib
import resource
import time
from collections.abc import Iterator

import numpy as np

from ovis_jax.demo import MODEL
from ovis_jax.predict import Predictor

_SIZE = (192, 320)


def generated_frames(count: int) -> Iterator[np.ndarray]:
    """Frames [192, 320, 3] uint8, each another one, made when they are asked for."""
    rng = np.random.default_rng(0)
    background = rng.integers(0, 255, (*_SIZE, 3), np.uint8)
    for number in range(count):
        frame = background.copy()
        x, y = 7 * number % (_SIZE[1] - 60), 3 * number % (_SIZE[0] - 60)
        frame[y : y + 60, x : x + 60] = (200, 30 + number % 200, 60)
        yield frame


def resident_megabytes() -> float:
    """Memory of this process that is in use, as Linux counts it."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def measure(predictor: Predictor, frames: int, every: int) -> list[tuple[int, int, float]]:
    """Frames and objects so far, and megabytes in use, every so many frames."""
    rows, objects = [], 0
    for result in predictor.track(generated_frames(frames)):
        objects += len(result)
        if (result.frame + 1) % every == 0:
            gc.collect()
            rows.append((result.frame + 1, objects, resident_megabytes()))
            print("{:>9} frames {:>9} objects {:>8.0f} MB".format(*rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_video")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--report-every", type=int, default=500)
    parser.add_argument("--checkpoint", default=MODEL)
    options = parser.parse_args()
    predictor = Predictor.from_checkpoint(options.checkpoint)
    began = time.monotonic()
    rows = measure(predictor, options.frames, options.report_every)
    rate = options.frames / (time.monotonic() - began)
    grown = [after - before for (*_, before), (*_, after) in itertools.pairwise(rows)]
    print(f"{rate:.1f} frames/s; memory grew by {sum(grown):.1f} MB after the first report")


if __name__ == "__main__":
    main()
