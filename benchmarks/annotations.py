"""Time and memory to work with an annotation file as large as all of OVIS.

Run as `python -m benchmarks.annotations` in the repository's root. Writes a file with the counts of
OVIS, 901 videos of 1920x1080 with 5,223 instances and about 296,000 masks, into a temporary folder.
Then, in processes of their own: opens it with the standard library, which checks nothing, and with
`load_annotations`, which checks every mask (it should take less than 15 s and 3 GiB); measures it
with `ovis_jax.tools.dataset_statistics`, plots included; splits it with
`ovis_jax.tools.split_annotations`. Linux only: memory is what the kernel says.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from benchmarks.inputs.blobs import ragged_mask
from ovis_jax.formats import rle
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.categories import OVIS
from ovis_jax.tools import dataset_statistics, split_annotations

_HEIGHT, _WIDTH = 1080, 1920
_INSTANCES_A_VIDEO = 5223 / 901
_VISIBLE = 0.81  # part of the frames that an instance is seen in
_NUM_OUTLINES = 48


def main() -> None:
    """Writes the file and prints what working with it costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=901)
    parser.add_argument("--frames", type=int, default=70, help="of every video")
    parser.add_argument("--run", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        return _measure(*arguments.run)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "annotations.json"
        num_masks = write_annotations(path, arguments.videos, arguments.frames)
        megabytes = path.stat().st_size / 1e6
        print(f"{arguments.videos} videos, {num_masks} masks, {megabytes:.0f} MB", flush=True)
        for way in _WAYS:
            command = [sys.executable, "-m", "benchmarks.annotations", "--run", way, str(path)]
            subprocess.run(command, check=True)


def write_annotations(path: pathlib.Path, num_videos: int, num_frames: int) -> int:
    """Writes an annotation file; returns its number of masks."""
    random = np.random.default_rng(0)
    outlines = [_outline(random) for _ in range(_NUM_OUTLINES)]
    videos = [_video(number, num_frames) for number in range(1, num_videos + 1)]
    categories = [{"id": category.id, "name": category.name} for category in OVIS]
    head = json.dumps({"videos": videos, "categories": categories})[:-1]
    num_masks, num_instances = 0, round(num_videos * _INSTANCES_A_VIDEO)
    video_ids = np.sort(random.integers(1, num_videos + 1, num_instances)).tolist()
    with open(path, "w") as file:
        file.write(head + ', "annotations": [')
        for number, video_id in enumerate(video_ids):
            record = _annotation(number, video_id, num_frames, outlines, random)
            num_masks += sum(mask is not None for mask in record["segmentations"])
            file.write((", " if number else "") + json.dumps(record))
        file.write("]}")
    return num_masks


def _outline(random: np.random.Generator) -> tuple[dict, list, int]:
    """Compressed mask, box and area."""
    mask = ragged_mask(random, _WIDTH, _HEIGHT, largest=500)
    return mask, rle.bounding_boxes([mask])[0].tolist(), int(rle.area([mask])[0])


def _video(number: int, num_frames: int) -> dict:
    names = [f"{number:08d}/img_{frame:07d}.jpg" for frame in range(num_frames)]
    size = {"width": _WIDTH, "height": _HEIGHT, "length": num_frames}
    return {"id": number, **size, "file_names": names}


def _annotation(
    number: int, video_id: int, num_frames: int, outlines: list, random: np.random.Generator
) -> dict:
    """An instance with an outline and an occlusion label in most frames."""
    seen = random.random(num_frames) < _VISIBLE
    kinds = random.integers(_NUM_OUTLINES, size=num_frames)
    chosen = [outlines[k] if s else (None, None, None) for k, s in zip(kinds, seen, strict=True)]
    levels = random.integers(len(OCCLUSION_LEVELS), size=num_frames)
    return {
        "id": number + 1,
        "video_id": video_id,
        "category_id": int(random.integers(len(OVIS))) + 1,
        "iscrowd": 0,
        "segmentations": [mask for mask, _, _ in chosen],
        "bboxes": [box for _, box, _ in chosen],
        "areas": [area for _, _, area in chosen],
        "occlusion": [
            OCCLUSION_LEVELS[k] if s else None for k, s in zip(levels, seen, strict=True)
        ],
    }


def _json_load(path: str) -> object:
    with open(path) as file:
        return json.load(file)


def _statistics(path: str) -> None:
    output = f"{path}.statistics"
    _quietly(dataset_statistics.main, ["--annotations", path, "--output", output])


def _split(path: str) -> None:
    _quietly(split_annotations.main, ["--annotations", path, "--output", f"{path}.split"])


def _quietly(tool: Callable[[list[str]], int], arguments: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        if tool(arguments) != 0:
            raise RuntimeError(f"{tool.__module__} failed")


_WAYS: dict[str, Callable[[str], object]] = {
    "imports only": lambda path: None,
    "json.load": _json_load,
    "load_annotations": load_annotations,
    "dataset_statistics": _statistics,
    "split_annotations": _split,
}


def _measure(way: str, path: str) -> None:
    """Does one thing with the file; prints seconds and the largest memory of this process."""
    start, cpu = time.perf_counter(), time.process_time()
    kept = _WAYS[way](path)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    status = pathlib.Path("/proc/self/status").read_text()
    now, peak = (int(re.search(rf"{key}:\s+(\d+)", status)[1]) / 1e3 for key in ("VmRSS", "VmHWM"))
    print(
        f"{way:18s} {seconds:6.2f} s ({cpu:5.2f} s of a processor), "
        f"{now:5.0f} MB resident, peak {peak:5.0f} MB",
        flush=True,
    )
    del kept


if __name__ == "__main__":
    main()
