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

import jax
from tqdm import tqdm

from ovis_jax.data.image_sources import ImageSource, open_images
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import load_header
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import write_results
from ovis_jax.predict.done_videos import DoneVideos, output_folders
from ovis_jax.predict.frame_lines import FrameLines, write_id_png
from ovis_jax.predict.frame_result import FrameResult
from ovis_jax.predict.journal import SECONDS, Journal
from ovis_jax.predict.predictor import Predictor, TrackedFrames
from ovis_jax.predict.trained import TrainedModel, chosen_config, load_trained
from ovis_jax.predict.videos import report
from ovis_jax.program import command_line
from ovis_jax.program.accelerators import warn_of_unused_accelerators
from ovis_jax.program.start import start
from ovis_jax.tools.choices import DEFAULT_WRITES
from ovis_jax.tools.options import predict_video as parser
from ovis_jax.tools.output_paths import check_output
from ovis_jax.tracking.tracklets import Tracklets
from ovis_jax.visualization.overlays import overlay_frames, predicted_tracks, write_pictures

_VIDEO_ID = 1


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
    goes_on: bool = False,
) -> list[dict]:
    """Tracks and draws one video.

    Args:
      predictor: of the model.
      images: the frames; read once to track and, for an overlay, once to draw.
      output: folder, made if it does not exist.
      min_score: tracks below it are not drawn.
      writes: some of `WRITES`.
      goes_on: an interrupted call with the same arguments left off in this folder.

    Returns:
      The records of results.json; none without "results" and "overlay", which need all tracks of
      the video in memory.
    """
    names = {category.id: category.name for category in predictor.model.categories}
    whole = bool({"results", "overlay"} & {*writes})
    journal = Journal(output, goes_on=goes_on, objects=whole)
    tracks = journal.tracks() if whole else Tracklets()
    resumed, lost = journal.snapshot, journal.lost
    tracked = predictor.track(images.read(), snapshot_seconds=SECONDS, resumed=resumed)
    with contextlib.closing(journal):
        for result in _written(tracked, output, writes, journal):
            lost += result.overflow
            if whole:
                _add(tracks, result)
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
    journal.remove()
    report(length, len(records), lost)
    return records


def _add(tracks: Tracklets, result: FrameResult) -> None:
    masks, vectors = result.rles, result.class_scores
    if len(result):
        tracks.add(result.frame, result.ids, result.scores, result.labels, masks, vectors)


def _written(
    tracked: TrackedFrames, output: pathlib.Path, writes: Collection[str], journal: Journal
) -> Iterator[FrameResult]:
    """The results, each once its line and its PNG are written."""
    folder, lines = output / "ids", output / "frames.jsonl"
    if "ids" in writes:
        folder.mkdir(exist_ok=True)
        journal.cut_pictures(folder)
    with contextlib.ExitStack() as stack:
        writer = None
        if "frames" in writes:
            journal.cut(lines)
            writer = stack.enter_context(FrameLines(lines))
        shown = tqdm(tracked, unit="frame", desc="predict", initial=tracked.length, disable=None)
        for result in shown:
            if writer is not None:
                writer.write(result)
            if "ids" in writes:
                write_id_png(folder, result)
            journal.write(result, tracked.snapshot)
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
    """Predicts what the options say, returns the exit code; after Ctrl-C, a call can go on."""
    options, settings = parser().parse_with_settings(arguments)
    return command_line.run_resumable(lambda: run(options, settings))


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
    if "oracle" in config.predict and config.predict.oracle:  # older ones know none
        raise InputError(
            f"config.predict.oracle: {config.predict.oracle!r} needs annotated videos, as "
            "ovis-jax train --mode=evaluate predicts; expected ''"
        )
    start(config.matmul_precision)
    warn_of_unused_accelerators()
    devices = first_devices(options.devices)
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
    predictor = Predictor(model, causal=options.causal, ahead=1, devices=devices)
    for path, images, folder in sources:
        goes_on = done.begin(path, folder)
        predict_video(predictor, images, folder, options.min_score, options.write, goes_on)
        done.end(path, folder)


def first_devices(count: int) -> list[jax.Device]:
    """Those that frames are spread over.

    Raises:
      InputError: there are not so many.
    """
    devices = jax.local_devices()
    if count > len(devices):
        raise InputError(
            f"--devices: {count}, but JAX finds {len(devices)} ({devices[0].platform})"
        )
    return devices[:count] if count > 1 else []


if __name__ == "__main__":
    sys.exit(main())
