"""Tracks the objects of a video file, a folder of frames or an image.

Writes to the output folder `results.json`, `annotations.json`, which names the frames and the
categories that the results are of, `overlay.mp4` and the contact sheet `overlay.png`.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.classes import ModelClasses, classes_of_checkpoint
from ovis_jax.data.image_sources import ImageSource, open_images
from ovis_jax.formats.annotations import load_header
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import write_results
from ovis_jax.identities import sized_by_checkpoint
from ovis_jax.predict import load_model, predict_images, report
from ovis_jax.program import command_line
from ovis_jax.program.accelerators import warn_of_unused_accelerators
from ovis_jax.program.configurations import read_configuration
from ovis_jax.program.start import start
from ovis_jax.tools.options import predict_video as parser
from ovis_jax.visualization.overlays import overlay_frames, predicted_tracks, write_pictures

_VIDEO_ID = 1


def check_output(folder: pathlib.Path) -> None:
    """Looks that a folder is there or can be made.

    Raises:
      InputError: it, or what it would be in, is a file.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{folder}: {there} is a file, expected a folder")


def category_names(
    annotations: str | None, classes: ModelClasses, num_classes: int
) -> dict[int, str]:
    """Names by category id, in the order of the model's labels; numbers if nobody knows them.

    Args:
      annotations: file that names the categories, whose ids are used; or None.
      classes: what the checkpoint says of the labels.
      num_classes: of the model.

    Raises:
      InputError: the file has other categories than the model.
    """
    if annotations is not None:
        file = load_header(annotations)
        names = {category.id: category.name for category in file.categories}
        return {k: names[k] for k in classes.ids_in(file, annotations, num_classes)}
    if classes.categories is None:
        return {number: f"category {number}" for number in range(1, num_classes + 1)}
    return {category.id: category.name for category in classes.categories}


def predict_video(
    system: nn.Module,
    variables: dict,
    config: ConfigDict,
    images: ImageSource,
    names: dict[int, str],
    output: pathlib.Path,
    min_score: float,
) -> list[dict]:
    """Tracks and draws one video.

    Args:
      system: the system of `config.model`.
      variables: its variables.
      config: whole configuration.
      images: the frames; read once to track and once to draw.
      names: category names by id, in the order of the model's labels.
      output: folder, made if it does not exist.
      min_score: tracks below it are not drawn.

    Returns:
      The records of results.json.
    """
    size = (images.width, images.height)
    tracks = predict_images(system, variables, images.read(), size, config)
    records = tracks.tracklets.records(_VIDEO_ID, tracks.length, list(names), system.track_rule)
    output.mkdir(parents=True, exist_ok=True)
    write_results(output / "results.json", records)
    write_json(output / "annotations.json", described(images, tracks.length, names))
    drawn = predicted_tracks(records, names, min_score)
    pictures = overlay_frames(images.read(), None, drawn)
    movie, sheet = output / "overlay.mp4", output / "overlay.png"
    write_pictures(movie, sheet, pictures, tracks.length, images.seconds)
    report(tracks.length, len(records), tracks.overflow)
    return records


def described(images: ImageSource, length: int, names: dict[int, str]) -> dict:
    """The annotation file without ground truth of the video that was tracked.

    Its frames are those of the folder, or those that `extract_frames` writes of a video file.

    Args:
      images: that were tracked.
      length: how many there were.
      names: category names by id.
    """
    video = {
        "id": _VIDEO_ID,
        "width": images.width,
        "height": images.height,
        "length": length,
        "file_names": images.file_names(length),
    }
    categories = [{"id": number, "name": name} for number, name in names.items()]
    return {"videos": [video], "categories": categories, "annotations": None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Predicts what the options say, returns the exit code."""
    options, settings = parser().parse_with_settings(arguments)
    return command_line.run(lambda: run(options, read_configuration(options.config, settings)))


def run(options: argparse.Namespace, config: ConfigDict) -> None:
    """Does what the options say.

    Raises:
      InputError: a file or folder cannot be used.
    """
    if config.predict.oracle:
        raise InputError(
            f"config.predict.oracle: {config.predict.oracle!r} needs annotated videos, as "
            "ovis-jax train --mode=evaluate predicts; expected ''"
        )
    start(config.matmul_precision)
    warn_of_unused_accelerators()
    output = pathlib.Path(options.output)
    check_output(output)
    images = open_images(pathlib.Path(options.input))
    classes = classes_of_checkpoint(options.checkpoint)
    config = sized_by_checkpoint(classes.sized(config), options.checkpoint)
    names = category_names(options.annotations, classes, config.model.num_classes)
    model = load_model(config, options.checkpoint)
    predict_video(*model, config, images, names, output, options.min_score)


if __name__ == "__main__":
    sys.exit(main())
