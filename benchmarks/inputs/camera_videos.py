"""1080p videos as cameras write them, for `benchmarks.input_pipeline`: raw and as records."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import cv2
import numpy as np
from ml_collections import ConfigDict

from benchmarks.inputs.blobs import ragged_mask
from configs.parts.data import data as data_settings

WIDTH, HEIGHT = 1920, 1080
NUM_VIDEOS, NUM_FRAMES, NUM_OBJECTS = 6, 12, 4
_SEED = 0


def write_data(folder: pathlib.Path, encoding: str) -> None:
    """Writes `folder`/download with the layout of OVIS, and prepared records of it."""
    random, download = np.random.default_rng(_SEED), folder / "download"
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
    command += ["--config", "prepared", "--image_encoding", encoding]
    command += ["--download", str(download), "--output", str(folder / "built")]
    subprocess.run(command, check=True, capture_output=True)


def data_config(folder: pathlib.Path, *, prepared: bool) -> ConfigDict:
    """The configuration of the full-size models, with this data."""
    data = data_settings()
    data.train_annotations = str(folder / "download/annotations_train.json")
    data.train_images = str(folder / "download/train")
    if prepared:
        (records,) = (folder / "built/ovis").glob("*/1.0.0")
        data.train_records = str(records)
    return data


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
