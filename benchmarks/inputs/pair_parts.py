"""Milliseconds of what makes a pair of frames ready, for `benchmarks.input_pipeline`."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.alternatives.input_alternatives import BATCH, Pair
from benchmarks.inputs.camera_videos import HEIGHT, NUM_FRAMES, NUM_OBJECTS, WIDTH, data_config
from ovis_jax.data.frame_files import decode_frame
from ovis_jax.data.transforms import Resizing, resize_image, transform_image
from ovis_jax.data.videos.records import open_records
from ovis_jax.data.videos.samples import TrainingData
from ovis_jax.data.videos.sources import stacked_masks
from ovis_jax.formats.annotations import load_annotations

SEED = 0


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


def raw_parts(data: TrainingData, folder: pathlib.Path, halved: bool) -> dict[str, float]:
    """Milliseconds of the parts of a pair from the raw folder."""
    pairs = drawn_pairs(data, folder)
    content = [pathlib.Path(pair.query).read_bytes() for pair in pairs]

    def decode(i: int) -> np.ndarray:
        return decode_frame(content[i], "", WIDTH, HEIGHT, halved=halved)

    frames = [decode(i) for i in range(8)]
    small = [cv2.resize(frame, (640, 360)) for frame in frames]
    geometry = data.draw(SEED, 0, 0).view.geometry

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
    source = open_records(
        data_config(folder, prepared=True).train_records, "train", Resizing((640, 360))
    )
    geometry = data.draw(SEED, 0, 0).view.geometry
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


def mean_time(function: Callable[[int], object], calls: int = 48) -> float:
    """Milliseconds of a call."""
    for i in range(8):
        function(i)
    start = time.perf_counter()
    for i in range(calls):
        function(i)
    return 1000 * (time.perf_counter() - start) / calls
