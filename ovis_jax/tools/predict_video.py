"""Tracks the objects of a video file or a folder of frames.

Writes `results.json`, `overlay.mp4` and the contact sheet `overlay.png` to the output folder.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator

import cv2
import jax
import numpy as np
from absl import flags
from ml_collections import ConfigDict, config_flags

from ovis_jax.checkpoints.store import CheckpointStore
from ovis_jax.data.frame_files import read_frame
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import write_results
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.predict import predict_images, report
from ovis_jax.visualization.drawing import DrawnTrack
from ovis_jax.visualization.movie import movie_rate, read_movie
from ovis_jax.visualization.overlays import overlay_frames, write_pictures

_VIDEO_ID = 1
_FOLDER_RATE = 6.0  # frames per second of the overlay of a folder
_SUFFIXES = (".jpg", ".jpeg", ".png")

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration of the model.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder of checkpoints, or the work directory of a training run."
)
_INPUT = flags.DEFINE_string("input", None, "Video file, or folder of JPEG or PNG frames.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder for results.json and the overlay.")
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "Annotation file with the model's categories; numbers name them if absent."
)
_MIN_SCORE = flags.DEFINE_float("min_score", 0.3, "Tracks below it are not drawn.")


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """Images of one size that can be read again and again.

    Attributes:
      width: of every image.
      height: of every image.
      rate: images per second.
      read: starts from the first image; [height, width, 3] uint8 RGB each.
    """

    width: int
    height: int
    rate: float
    read: Callable[[], Iterator[np.ndarray]]


def open_images(path: pathlib.Path) -> ImageSource:
    """Opens a video file or a folder of frames, which are sorted by name.

    Raises:
      InputError: there is nothing, or nothing that can be read as images.
    """
    if not path.exists():
        raise InputError(f"{path}: does not exist, expected a video file or a folder of frames")
    if path.is_dir():
        return _open_folder(path)
    first = next(read_movie(path), None)
    if first is None:
        raise InputError(f"{path}: a video without frames")
    height, width = first.shape[:2]
    return ImageSource(width, height, movie_rate(path), lambda: read_movie(path))


def _open_folder(folder: pathlib.Path) -> ImageSource:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
    if not paths:
        raise InputError(f"{folder}: no frames, expected files ending in {', '.join(_SUFFIXES)}")
    first = cv2.imread(str(paths[0]), cv2.IMREAD_COLOR)
    if first is None:
        raise InputError(f"{paths[0]}: not an image that can be decoded")
    height, width = first.shape[:2]
    return ImageSource(
        width, height, _FOLDER_RATE, lambda: (read_frame(p, width, height) for p in paths)
    )


def category_names(annotations: str | None, num_classes: int) -> dict[int, str]:
    """Names by category id, in the order of the model's labels.

    Raises:
      InputError: the file does not have as many categories as the model.
    """
    if annotations is None:
        return {number: f"category {number}" for number in range(1, num_classes + 1)}
    categories = load_annotations(annotations).categories
    if len(categories) != num_classes:
        raise InputError(
            f"{annotations}: categories: {len(categories)} entries, but the model has {num_classes}"
            " classes (config.model.num_classes)"
        )
    return {category.id: category.name for category in categories}


def predict_video(
    config: ConfigDict,
    variables: dict,
    images: ImageSource,
    names: dict[int, str],
    output: pathlib.Path,
    min_score: float,
) -> list[dict]:
    """Tracks and draws one video.

    Args:
      config: configuration of the model.
      variables: of the model.
      images: the frames; read once to track and once to draw.
      names: category names by id, in the order of the model's labels.
      output: folder, made if it does not exist.
      min_score: tracks below it are not drawn.

    Returns:
      The records of results.json.
    """
    size = (images.width, images.height)
    tracks = predict_images(build_system(config), variables, images.read(), size, config)
    records = tracks.tracklets.records(_VIDEO_ID, tracks.length, list(names))
    output.mkdir(parents=True, exist_ok=True)
    write_results(output / "results.json", records)
    drawn = [
        DrawnTrack(number, f"{names[r['category_id']]} {r['score']:.2f}", r["segmentations"])
        for number, r in enumerate(records)
        if r["score"] >= min_score
    ]
    pictures = overlay_frames(images.read(), None, drawn)
    movie, sheet = output / "overlay.mp4", output / "overlay.png"
    write_pictures(movie, sheet, pictures, tracks.length, images.rate)
    report(tracks.length, len(records), tracks.overflow)
    return records


def main(argv: list[str]) -> None:
    """Reads the flags and predicts."""
    del argv
    config = _CONFIG.value
    images = open_images(pathlib.Path(_INPUT.value))
    names = category_names(_ANNOTATIONS.value, config.model.num_classes)
    system = build_system(config)
    checkpoints = pathlib.Path(_CHECKPOINT.value)
    if (checkpoints / "checkpoints").is_dir():
        checkpoints = checkpoints / "checkpoints"
    with CheckpointStore(checkpoints) as store:
        variables = store.restore_variables(init_variables(system, jax.random.key(0)))
    predict_video(config, variables, images, names, pathlib.Path(_OUTPUT.value), _MIN_SCORE.value)
