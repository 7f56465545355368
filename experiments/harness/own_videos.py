"""Videos of one's own, in small: generated, and labelled here and there in a tool's format."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys

from experiments.harness.datasets import ANNOTATIONS, IMAGES, Dataset
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.formats.errors import InputError
from ovis_jax.tools import convert_annotations, split_annotations

VIDEOS = ShapesParameters(train_videos=20, valid_videos=0, frames=20, seed=11)
EVERY = 3  # of so many frames one is labelled
SHARE = 0.25  # of the videos to measure on
TRAIN = "split/train.json"


def label_videos(folder: pathlib.Path, videos: ShapesParameters = VIDEOS) -> None:
    """Does what docs/your_own_videos.md says, from labels on; the labeller is the generator.

    Args:
      folder: absent or empty; comes into being complete or not at all, and gets `shapes`, `labels`,
        `annotations.json` and `split`. Processes that do the same at once are in no one's way.
      videos: to generate.

    Raises:
      InputError: the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: expected a new or an empty folder")
    print(f"# generates and labels {folder}", file=sys.stderr, flush=True)
    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    try:
        _label(partial, videos)
        if not (folder / TRAIN).exists():  # by another process, meanwhile
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _label(folder: pathlib.Path, videos: ShapesParameters) -> None:
    """The converters write labelme's files of all frames; those that nobody labelled are deleted.

    What is left is converted back and split.
    """
    shapes, labels, annotations = folder / "shapes", folder / "labels", folder / "annotations.json"
    generate(shapes, videos, workers=os.cpu_count() or 1)
    images = ["--images", shapes / "train"]
    whole = shapes / "annotations_train.json"
    _convert("ovis", "labelme", "--input", whole, "--output", labels, *images)
    for video in labels.iterdir():
        for number, file in enumerate(sorted(video.iterdir())):
            if number % EVERY:
                file.unlink()
    _convert("labelme", "ovis", "--input", labels, "--output", annotations, *images)
    options = ["--annotations", annotations, "--output", folder / "split", "--share", SHARE]
    _finish(split_annotations.main, *options)


def _convert(source: str, target: str, *options: object) -> None:
    _finish(convert_annotations.main, "--from", source, "--to", target, *options)


def _finish(tool, *options: object) -> None:
    """Raises InputError if the tool, which says why on stderr, does not end well."""
    if tool(list(map(str, options))):
        raise InputError(f"{tool.__module__}: could not be finished")


OWN_VIDEOS = Dataset(
    name="own_videos",
    size=f"{VIDEOS.train_videos} generated videos of {VIDEOS.frames} frames, one in {EVERY} of "
    "them labelled, in labelme's files; a quarter of the videos to measure on",
    training="configs/your_videos_small.py with frames of 160x96, from random weights",
    folder="data/own_videos",
    files=dict(
        zip(
            (*ANNOTATIONS, *IMAGES),
            ((TRAIN,), ("split/minival.json",), ("shapes/train",), ("shapes/train",)),
            strict=True,
        )
    ),
    patterns=("your_videos_small",),
    settings={"data.image_scale": "(160, 96)"},
    make=label_videos,
)
