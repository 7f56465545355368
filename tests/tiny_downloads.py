"""Lays out the data set of `tiny_ovis` as downloads are, and builds it."""

import json
import pathlib
import shutil

import numpy as np
import tensorflow_datasets as tfds
from tiny_ovis import write_tiny_ovis

import ovis_jax.data.tfds  # noqa: F401  registers the builders
from ovis_jax.data.tfds.records_config import RecordsConfig


def write_ovis_download(folder: pathlib.Path, *, valid_annotations: bool = True) -> pathlib.Path:
    """Writes `folder`/download with the official layout of OVIS; both splits are the same."""
    write_tiny_ovis(folder / "tiny")
    download = folder / "download"
    for split in ("train", "valid"):
        shutil.copytree(folder / "tiny/frames", download / split)
        document = json.loads((folder / "tiny/annotations.json").read_text())
        if split == "valid" and not valid_annotations:
            document["annotations"] = None
        (download / f"annotations_{split}.json").write_text(json.dumps(document))
    return download


def write_coco_download(folder: pathlib.Path) -> pathlib.Path:
    """Writes `folder`/download with the official layout of COCO: the first frames of the videos.

    Objects have outlines, run lengths that are not compressed (and are crowds), in turn.
    """
    write_tiny_ovis(folder / "tiny")
    document = json.loads((folder / "tiny/annotations.json").read_text())
    download = folder / "download"
    (download / "annotations").mkdir(parents=True)
    images, annotations = [], []
    for video in document["videos"]:
        size = {side: video[side] for side in ("width", "height")}
        name = f"{video['id']:012d}.jpg"
        images.append({"id": video["id"], "file_name": name, **size})
        for split in ("train2017", "val2017"):
            (download / split).mkdir(exist_ok=True)
            shutil.copy(folder / "tiny/frames" / video["file_names"][0], download / split / name)
    for track in document["annotations"]:
        x, y, w, h = track["bboxes"][0]
        crowd = track["category_id"] == 7
        annotations.append(
            {
                "id": track["id"],
                "image_id": track["video_id"],
                "category_id": track["category_id"],
                "iscrowd": int(crowd),
                "bbox": [x, y, w, h],
                "area": track["areas"][0],
                "segmentation": _runs(track, x, y, w, h)
                if crowd
                else [[x, y, x + w, y, x + w, y + h, x, y + h]],
            }
        )
    coco = dict(images=images, annotations=annotations, categories=document["categories"])
    for name in ("train2017", "val2017"):
        (download / f"annotations/instances_{name}.json").write_text(json.dumps(coco))
    return download


def build(
    name: str,
    config: RecordsConfig | str,
    download: pathlib.Path,
    *,
    file_format: str = "array_record",
    output: pathlib.Path | None = None,
    **options,
) -> tfds.core.DatasetBuilder:
    """Builds a data set from a download folder; `options` are those of a DownloadConfig."""
    output = output or download.parent / "built"
    builder = tfds.builder(name, config=config, data_dir=output, file_format=file_format)
    options = {"manual_dir": download} | options
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(**options))
    return builder


def _runs(track: dict, x: float, y: float, w: float, h: float) -> dict:
    mask = np.zeros((track["height"], track["width"]), bool)
    mask[int(y) : int(y + h), int(x) : int(x + w)] = True
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(int), prepend=0, append=0))
    runs = np.diff(np.concatenate([[0], edges])).tolist()
    rest = flat.size - sum(runs)
    return {"size": list(mask.shape), "counts": runs + ([rest] if rest else [])}
