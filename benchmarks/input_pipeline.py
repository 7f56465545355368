"""Frame pairs a second on one core: 1080p JPEG files with run-length masks → ready batches.

    python -m benchmarks.input_pipeline [--seconds 8] [--encoding raw] [--output numbers.json]

Ours, from the raw folder and from prepared records, beside what a user would write without it: a
loop with OpenCV and pycocotools, and the same in a PyTorch DataLoader. All give the same batches of
640x360 frames: two images and the masks of the four objects of the query frame; the first batch of
each is compared with ours (halved decoding, `config.data.halved_decoding`, is the exception: its
pixels are slightly others). The others normalise their images, as is usual; ours stay bytes, which
the step normalises on its device: the time of that is printed too. One more loop also decodes the
masks of the reference frame, as loaders do that treat both frames alike. PyTorch is not timed, and
that is said, where it is not installed. Every loader has a process of its own on one core. Linux
only.

Then, for ours, where the time goes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from benchmarks.alternatives.input_alternatives import (
    BATCH,
    Pair,
    opencv_batches,
    opencv_batches_with_all_masks,
    torch_batches,
)
from benchmarks.inputs.blobs import ragged_mask
from configs.parts.data import data as data_settings
from ovis_jax.data.frame_files import decode_frame
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.transforms import resize_image, transform_image
from ovis_jax.data.videos.records import open_records
from ovis_jax.data.videos.samples import TrainingData
from ovis_jax.data.videos.sources import stacked_masks
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.ops.normalise import normalise_frames
from ovis_jax.program.host_memory import keep_freed_memory
from ovis_jax.structures import Clips

WIDTH, HEIGHT = 1920, 1080
NUM_VIDEOS, NUM_FRAMES, NUM_OBJECTS = 6, 12, 4
CAPACITY = 8
SEED = 0
DATA = data_settings()
OURS = ("ours, raw folder", "ours, raw folder, halved decoding", "ours, prepared records")
OTHERS = {
    "OpenCV + pycocotools": opencv_batches,
    "OpenCV + pycocotools, masks of both frames": opencv_batches_with_all_masks,
    "PyTorch DataLoader": torch_batches,
}
TARGETS = dict(zip(OURS, (2.0, 2.0, 5.0), strict=True))  # times the better of the others


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
    ratio = 1 / (1 / found[OURS[0]]["pairs/s"] + extra / 1000) / better
    print(f"\nnormalising a pair on {jax.devices()[0].device_kind}: {extra:.2f} ms")
    print(f"{OURS[0]}, with that on the same core: {ratio:.2f} times the better other")
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n")


def write_data(folder: pathlib.Path, encoding: str) -> None:
    """Writes `folder`/download with the layout of OVIS, and prepared records of it."""
    random, download = np.random.default_rng(SEED), folder / "download"
    videos, tracks = [], []
    for number in range(1, NUM_VIDEOS + 1):
        names = [f"{number:04d}/{frame:05d}.jpg" for frame in range(NUM_FRAMES)]
        _write_frames(random, [download / "train" / name for name in names])
        size = {"width": WIDTH, "height": HEIGHT, "length": NUM_FRAMES}
        videos.append({"id": number, "file_names": names, **size})
        for _ in range(NUM_OBJECTS):
            outlines = [ragged_mask(random, WIDTH, HEIGHT, largest=400) for _ in names]
            track = {"id": len(tracks) + 1, "video_id": number, "category_id": 1, "iscrowd": 0}
            tracks.append(track | {"segmentations": outlines})
    document = dict(videos=videos, annotations=tracks, categories=[{"id": 1, "name": "blob"}])
    for split in ("train", "valid"):
        (download / f"annotations_{split}.json").write_text(json.dumps(document))
    os.symlink(download / "train", download / "valid")
    sizes = [path.stat().st_size for path in download.rglob("*.jpg")]
    print(
        f"{len(sizes)} frames of {WIDTH}x{HEIGHT}, {np.mean(sizes) / 1e6:.2f} MB each", flush=True
    )
    command = [sys.executable, "-m", "ovis_jax.tools.build_records", "--dataset", "ovis"]
    command += ["--config", "prepared", "--image-encoding", encoding]
    command += ["--download", str(download), "--output", str(folder / "built")]
    subprocess.run(command, check=True, capture_output=True)


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
        keep_freed_memory()  # as training does
    config = data_config(folder, prepared=name == OURS[2])
    config.halved_decoding = halved = name == OURS[1]
    data = open_training_data(config, CAPACITY)
    batches = training_batches(data, batch_size=BATCH, seed=SEED)
    if name == OURS[2]:
        raw = open_training_data(data_config(folder, prepared=False), CAPACITY)
        want = next(training_batches(raw, batch_size=BATCH, seed=SEED))
        jax.tree.map(np.testing.assert_array_equal, next(batches), want)
    if name in OTHERS:
        want = next(batches)
        batches.close()
        batches = OTHERS[name](drawn_pairs(data, folder))
        check_equal(next(batches), want)
    found = {"pairs/s": BATCH * rate(batches, seconds)}
    batches.close()
    if name in OTHERS:
        return found
    parts = prepared_parts(data, folder) if name == OURS[2] else raw_parts(data, folder, halved)
    parts["everything else of a pair"] = pair_time(data) - sum(parts.values())
    parts["batching"] = 1000 / found["pairs/s"] - sum(parts.values())
    return found | {"parts": parts}


def data_config(folder: pathlib.Path, *, prepared: bool) -> ConfigDict:
    """The configuration of the full-size models, with this data."""
    data = data_settings()
    data.train_annotations = str(folder / "download/annotations_train.json")
    data.train_images = str(folder / "download/train")
    if prepared:
        (records,) = (folder / "built/ovis").glob("*/1.0.0")
        data.train_records = str(records)
    return data


def drawn_pairs(data: TrainingData, folder: pathlib.Path) -> list[Pair]:
    """What the first epoch of ours loads, in its order."""
    annotations = load_annotations(folder / "download/annotations_train.json")
    order = data.order(BATCH, SEED)
    samples = np.concatenate([order.samples(b) for b in range(order.batches_per_epoch)])
    pairs = []
    for position, sample in enumerate(samples.tolist()):
        draw = data.draw(SEED, position, sample)
        video = annotations.videos[data.index.video_index[sample]]
        files = [folder / "download/train" / video.file_names[t] for t in draw.frames]
        instances = annotations.instances_of(video.id)
        masks = [[i.rle(t) for i in instances] for t in draw.frames]
        pairs.append(Pair(str(files[0]), str(files[1]), *masks, draw.flip))
    return pairs


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


def raw_parts(data: TrainingData, folder: pathlib.Path, halved: bool) -> dict[str, float]:
    """Milliseconds of the parts of a pair from the raw folder."""
    pairs = drawn_pairs(data, folder)
    content = [pathlib.Path(pair.query).read_bytes() for pair in pairs]

    def decode(i: int) -> np.ndarray:
        return decode_frame(content[i], "", WIDTH, HEIGHT, halved=halved)

    frames = [decode(i) for i in range(8)]
    small = [cv2.resize(frame, (640, 360)) for frame in frames]
    geometry = data.geometry(0)

    def place(i: int) -> None:
        transform_image(small[i % 8], geometry, flip=pairs[i].flip)

    return {
        "read 2 files": 2 * mean_time(lambda i: pathlib.Path(pairs[i].query).read_bytes()),
        "decode 2 frames": 2 * mean_time(decode),
        "resize 2 frames": 2 * mean_time(lambda i: resize_image(frames[i % 8], geometry)),
        "flip, pad 2 frames": 2 * mean_time(place),
        "4 masks": mean_time(lambda i: stacked_masks(pairs[i].masks, geometry, pairs[i].flip)),
    }


def prepared_parts(data: TrainingData, folder: pathlib.Path) -> dict[str, float]:
    """Milliseconds of the parts of a pair from prepared records."""
    source = open_records(data_config(folder, prepared=True).train_records, "train", (640, 360))
    geometry = data.geometry(0)
    objects, none = np.arange(NUM_OBJECTS), np.arange(0)

    def read(i: int, objects: np.ndarray) -> np.ndarray:
        place, flip = divmod(i % NUM_FRAMES, NUM_FRAMES), bool(i % 2)
        return source.read(*place, objects, geometry=geometry, flip=flip).image

    images = [read(i, none) for i in range(8)]
    reading = mean_time(lambda i: read(i, none))
    return {
        "read 2 records": 2 * reading,
        "flip, pad 2 frames": 2
        * mean_time(lambda i: transform_image(images[i % 8], geometry, flip=i % 2)),
        "4 masks": mean_time(lambda i: read(i, objects)) - reading,
    }


def pair_time(data: TrainingData) -> float:
    """Milliseconds of a whole pair."""
    return mean_time(lambda i: data.clip(data.draw(SEED, i, i)))


def normalising_time() -> float:
    """Milliseconds in which the device normalises the frames of a pair."""
    frames = jnp.zeros((2, 384, 640, 3), jnp.uint8)
    sizes = jnp.tile(jnp.array([360, 640]), (2, 1))
    program = jax.jit(lambda *x: normalise_frames(*x, DATA.mean, DATA.std))
    return mean_time(lambda _: jax.block_until_ready(program(frames, sizes)))


def mean_time(function: Callable[[int], object], calls: int = 48) -> float:
    """Milliseconds of a call."""
    for i in range(8):
        function(i)
    start = time.perf_counter()
    for i in range(calls):
        function(i)
    return 1000 * (time.perf_counter() - start) / calls


def report(found: dict[str, dict | None]) -> float:
    """Prints both tables; returns the pairs a second of the better of the others."""
    rates = {name: values["pairs/s"] for name, values in found.items() if values}
    better = max(rates[name] for name in OTHERS if name in rates)
    print("\n| loader | pairs/s per core | times the better other | target |\n|---|---|---|---|")
    for name in found:
        if name not in rates:
            print(f"| {name} | not timed: not installed | | |")
            continue
        target = f"{TARGETS[name]:g}" if name in TARGETS else ""
        print(f"| {name} | {rates[name]:.1f} | {rates[name] / better:.2f} | {target} |")
    for name in OURS:
        print(f"\n| {name} | ms a pair |\n|---|---|")
        for part, milliseconds in found[name]["parts"].items():
            print(f"| {part} | {milliseconds:.2f} |")
        print(f"| sum | {1000 / rates[name]:.2f} |")
    return better


def _write_frames(random: np.random.Generator, paths: list[pathlib.Path]) -> None:
    """Texture that drifts, with noise as of a camera."""
    coarse = random.integers(0, 255, (160, 280, 3), np.uint8)
    texture = cv2.resize(coarse, (WIDTH + 320, HEIGHT + 200), interpolation=cv2.INTER_CUBIC)
    for number, path in enumerate(paths):
        x, y = 20 * number, 12 * number
        image = texture[y : y + HEIGHT, x : x + WIDTH] + random.normal(0, 3, (HEIGHT, WIDTH, 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.clip(image, 0, 255).astype(np.uint8)
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 75])


if __name__ == "__main__":
    main()
