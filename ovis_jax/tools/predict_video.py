"""Tracks the objects of video files, folders of frames or images.

Writes to a folder for each what `--write` says: `results.json`, an overlay (`overlay.mp4` and the
contact sheet `overlay.png`), and, frame by frame, `frames.jsonl` and PNGs of ids; and
`annotations.json`, which names the frames and the categories that the results are of.
"""

import argparse
import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Collection, Iterator, Sequence

from tqdm import tqdm

from ovis_jax.data.image_sources import ImageSource, open_images
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import load_header
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import write_results
from ovis_jax.predict.done_videos import DoneVideos, output_folders
from ovis_jax.predict.frame_lines import FrameLines, write_id_png
from ovis_jax.predict.predictor import FrameResult, Predictor, TrackedFrames
from ovis_jax.predict.trained import TrainedModel, chosen_config, load_trained
from ovis_jax.predict.videos import report
from ovis_jax.program import command_line
from ovis_jax.program.accelerators import warn_of_unused_accelerators
from ovis_jax.program.start import start
from ovis_jax.tools.options import DEFAULT_WRITES
from ovis_jax.tools.options import predict_video as parser
from ovis_jax.tracking.tracklets import Tracklets
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


def named_categories(annotations: str | None, model: TrainedModel) -> tuple[Category, ...]:
    """Categories in the order of the model's labels, with the ids of an annotation file.

    Args:
      annotations: the file; None: the ids are those of the model.
      model: that was read.

    Raises:
      InputError: the file has other categories than the model.
    """
    if annotations is None:
        return model.categories
    file = load_header(annotations)
    names = {category.id: category.name for category in file.categories}
    ids = model.classes.ids_in(file, annotations, model.config.model.num_classes)
    return tuple(Category(number, names[number]) for number in ids)


def predict_video(
    predictor: Predictor,
    images: ImageSource,
    output: pathlib.Path,
    min_score: float,
    writes: Collection[str] = DEFAULT_WRITES,
) -> list[dict]:
    """Tracks and draws one video.

    Args:
      predictor: of the model.
      images: the frames; read once to track and, for an overlay, once to draw.
      output: folder, made if it does not exist.
      min_score: tracks below it are not drawn.
      writes: some of `WRITES`.

    Returns:
      The records of results.json; none without "results" and "overlay", which need all tracks of
      the video in memory.
    """
    output.mkdir(parents=True, exist_ok=True)
    names = {category.id: category.name for category in predictor.model.categories}
    whole, tracks = bool({"results", "overlay"} & {*writes}), Tracklets()
    tracked, lost = predictor.track(images.read()), 0
    for result in _written(tracked, output, writes):
        lost += result.overflow
        if whole:
            tracks.add(
                result.frame,
                result.ids,
                result.scores,
                result.labels,
                result.rles,
                result.class_scores,
            )
    tracks.finish(tracked.finish)
    rule, length = predictor.model.system.track_rule, tracked.length
    records = tracks.records(_VIDEO_ID, length, list(names), rule)
    if "results" in writes:
        write_results(output / "results.json", records)
    write_json(output / "annotations.json", described(images, length, names))
    if "overlay" in writes:
        pictures = overlay_frames(images.read(), None, predicted_tracks(records, names, min_score))
        movie, sheet = output / "overlay.mp4", output / "overlay.png"
        write_pictures(movie, sheet, pictures, length, images.seconds)
    report(length, len(records), lost)
    return records


def _written(
    tracked: TrackedFrames, output: pathlib.Path, writes: Collection[str]
) -> Iterator[FrameResult]:
    """The results, each once its line and its PNG are written."""
    folder = output / "ids"
    if "ids" in writes:
        folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        lines = None
        if "frames" in writes:
            lines = stack.enter_context(FrameLines(output / "frames.jsonl"))
        for result in tqdm(tracked, unit="frame", desc="predict", disable=None):
            if lines is not None:
                lines.write(result)
            if "ids" in writes:
                write_id_png(folder, result)
            yield result


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
    return command_line.run(lambda: run(options, settings))


def run(options: argparse.Namespace, settings: Sequence[str] = ()) -> None:
    """Does what the options say.

    Videos that an earlier call with the same options has done are left as they are.

    Args:
      options: of the command.
      settings: fields of the configuration, "--config.FIELD=VALUE".

    Raises:
      InputError: a file or folder cannot be used.
    """
    config = chosen_config(options.checkpoint, options.config, settings)
    if config.predict.oracle:
        raise InputError(
            f"config.predict.oracle: {config.predict.oracle!r} needs annotated videos, as "
            "ovis-jax train --mode=evaluate predicts; expected ''"
        )
    start(config.matmul_precision)
    warn_of_unused_accelerators()
    folders = output_folders(options.input, pathlib.Path(options.output))
    for folder in folders:
        check_output(folder)
    done = DoneVideos(options, config)
    left = [
        (path, folder)
        for path, folder in zip(map(pathlib.Path, options.input), folders, strict=True)
        if not done.holds(path, folder)
    ]
    sources = [(path, open_images(path), folder) for path, folder in left]
    model = load_trained(options.checkpoint, config)
    categories = named_categories(options.annotations, model)
    model = dataclasses.replace(model, categories=categories)
    predictor = Predictor(model, causal=options.causal, ahead=1)
    for path, images, folder in sources:
        done.begin(folder)
        predict_video(predictor, images, folder, options.min_score, options.write)
        done.end(path, folder)


if __name__ == "__main__":
    sys.exit(main())
