"""Time and memory to open an annotation file as large as the training set of OVIS.

Run as `python -m benchmarks.annotations` in the repository's root. Writes a file of 607 videos of
1920x1080 with about 140,000 masks into a temporary folder, then opens it in processes of their own:
with the standard library, which checks nothing, and with `load_annotations`, which checks every
mask. Linux only: memory is what the kernel says.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotations import load_annotations

_HEIGHT, _WIDTH = 1080, 1920
_NUM_OBJECTS = 6  # in every video
_VISIBLE = 0.7  # part of the frames that an object is seen in
_NUM_OUTLINES = 48


def main() -> None:
    """Writes the file and prints what opening it costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=607)
    parser.add_argument("--frames", type=int, default=55, help="of every video")
    parser.add_argument("--open", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        return _open(*arguments.open)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "annotations_train.json"
        num_masks = write_annotations(path, arguments.videos, arguments.frames)
        megabytes = path.stat().st_size / 1e6
        print(f"{arguments.videos} videos, {num_masks} masks, {megabytes:.0f} MB", flush=True)
        for way in ("imports only", "json.load", "load_annotations"):
            command = [sys.executable, "-m", "benchmarks.annotations", "--open", way, str(path)]
            subprocess.run(command, check=True)


def write_annotations(path: pathlib.Path, num_videos: int, num_frames: int) -> int:
    """Writes an annotation file; returns its number of masks."""
    random = np.random.default_rng(0)
    outlines = [_outline(random) for _ in range(_NUM_OUTLINES)]
    videos = [_video(number, num_frames) for number in range(1, num_videos + 1)]
    categories = [{"id": k, "name": f"category {k}"} for k in range(1, 26)]
    head = json.dumps({"videos": videos, "categories": categories})[:-1]
    num_masks = 0
    with open(path, "w") as file:
        file.write(head + ', "annotations": [')
        for number in range(num_videos * _NUM_OBJECTS):
            record = _annotation(number, num_frames, outlines, random)
            num_masks += sum(mask is not None for mask in record["segmentations"])
            file.write((", " if number else "") + json.dumps(record))
        file.write("]}")
    return num_masks


def _outline(random: np.random.Generator) -> tuple[dict, list, int]:
    """A ragged blob: compressed mask, box and area."""
    y, x = np.mgrid[:_HEIGHT, :_WIDTH].astype(np.float32)
    x -= random.uniform(0.3, 0.7) * _WIDTH
    y -= random.uniform(0.3, 0.7) * _HEIGHT
    angle, radius = np.arctan2(y, x), random.uniform(100, 500)
    waves = sum(np.sin(k * angle + random.uniform(0, 7)) / k for k in (2, 3, 5, 11, 40))
    mask = rle.encode(np.hypot(x, y) < radius * (1 + 0.25 * waves))
    return mask, rle.bounding_boxes([mask])[0].tolist(), int(rle.area([mask])[0])


def _video(number: int, num_frames: int) -> dict:
    names = [f"{number:08d}/img_{frame:07d}.jpg" for frame in range(num_frames)]
    size = {"width": _WIDTH, "height": _HEIGHT, "length": num_frames}
    return {"id": number, **size, "file_names": names}


def _annotation(number: int, num_frames: int, outlines: list, random: np.random.Generator) -> dict:
    """An object with an outline in most frames."""
    chosen = [
        outlines[k] if seen else (None, None, None)
        for k, seen in zip(
            random.integers(_NUM_OUTLINES, size=num_frames),
            random.random(num_frames) < _VISIBLE,
            strict=True,
        )
    ]
    return {
        "id": number + 1,
        "video_id": number // _NUM_OBJECTS + 1,
        "category_id": number % 25 + 1,
        "iscrowd": 0,
        "segmentations": [mask for mask, _, _ in chosen],
        "bboxes": [box for _, box, _ in chosen],
        "areas": [area for _, _, area in chosen],
        "occlusion": [None if mask is None else "slight_occlusion" for mask, _, _ in chosen],
    }


def _open(way: str, path: str) -> None:
    """Opens the file in one way and prints seconds and the largest memory of this process."""
    start = time.perf_counter()
    kept = None
    if way == "json.load":
        with open(path) as file:
            kept = json.load(file)
    elif way == "load_annotations":
        kept = load_annotations(path)
    seconds = time.perf_counter() - start
    status = pathlib.Path("/proc/self/status").read_text()
    now, peak = (int(re.search(rf"{key}:\s+(\d+)", status)[1]) / 1e3 for key in ("VmRSS", "VmHWM"))
    print(f"{way:18s} {seconds:6.2f} s, {now:5.0f} MB resident, peak {peak:5.0f} MB", flush=True)
    del kept


if __name__ == "__main__":
    main()
