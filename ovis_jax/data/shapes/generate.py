"""Occluded Shapes, the generated data set: textured objects that hide one another.

`generate` writes OVIS JSON and JPEG frames:

    DIR/annotations_train.json  DIR/train/0001/00000.jpg …
    DIR/annotations_valid.json  DIR/valid/0001/00000.jpg …
    DIR/instances_stills.json   DIR/stills/00001.jpg …      if there are to be stills
    DIR/amodal_train.json …     masks of whole objects, if they are asked for; see `amodal`
    DIR/parameters.json         what it was made from

A video or still depends on the seed, its split and its number alone: not on the number of workers,
nor on how many others there are.
"""

import concurrent.futures
import functools
import json
import multiprocessing
import os
import pathlib
import shutil
from collections.abc import Callable

import cv2
import numpy as np

from ovis_jax.data.frame_files import write_frame
from ovis_jax.data.shapes.amodal import SceneRecords
from ovis_jax.data.shapes.classes import categories_json
from ovis_jax.data.shapes.degradation import degraded
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.data.shapes.rendering import render_frame
from ovis_jax.data.shapes.scene import draw_scene
from ovis_jax.data.shapes.stills import STILLS, make_still, stills_documents
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError

SPLITS = ("train", "valid")


def generate(
    output: pathlib.Path | str,
    parameters: ShapesParameters,
    workers: int = 1,
    progress: Callable[[int], None] = lambda videos: None,
) -> bool:
    """Generates the data set into a folder that comes into being complete or not at all.

    Args:
      output: the folder; absent, empty, or holding this very data set.
      parameters: what to generate.
      workers: processes.
      progress: called with 1 after every video and still.

    Returns:
      False if the folder already held the data set.

    Raises:
      InputError: bad parameters, or the folder holds something else.
    """
    parameters.check()
    if workers < 1:
        raise InputError(f"workers: {workers}, expected at least 1")
    output = pathlib.Path(output).resolve()
    if _holds(output, parameters):
        return False
    partial = output.with_name(f"{output.name}.partial-{os.getpid()}")
    try:
        _write_data_set(partial, parameters, workers, progress)
        return _move(partial, output, parameters)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def make_video(folder: pathlib.Path, split: str, index: int, parameters: ShapesParameters):
    """Draws video `index` of a split into `folder`/`split`.

    Returns:
      The video's record, the list of its annotation records (without ids), and that of the same
      objects as a whole, which is empty unless `parameters.amodal`.
    """
    key = (parameters.seed, SPLITS.index(split), index)
    scene = draw_scene(np.random.default_rng(key), parameters)
    tracks = SceneRecords(scene.categories + 1, parameters.min_pixels, parameters.amodal)
    name = f"{index + 1:04d}"
    (folder / split / name).mkdir(parents=True)
    file_names = [f"{name}/{frame:05d}.jpg" for frame in range(parameters.frames)]
    for number, file_name in enumerate(file_names):
        frame = render_frame(
            scene, number, parameters.width, parameters.height, parameters.motion_blur
        )
        tracks.add(frame)
        image = degraded(frame.image, key, number, parameters.degraded, parameters.degradations)
        write_frame(folder / split / file_name, image, parameters.jpeg_quality)
    video = {
        "id": index + 1,
        "width": parameters.width,
        "height": parameters.height,
        "length": parameters.frames,
        "file_names": file_names,
    }
    return video, *tracks.records(video_id=index + 1)


def _holds(output: pathlib.Path, parameters: ShapesParameters) -> bool:
    """Whether the folder holds this data set; InputError if it holds anything else."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return False
    record = output / "parameters.json"
    try:
        found = json.loads(record.read_text())
    except (OSError, ValueError):
        raise InputError(f"{output}: not empty and not a data set of this generator") from None
    wanted = parameters.as_json()
    if found != wanted:
        known = found if isinstance(found, dict) else {}
        names = [k for k in {**wanted, **known} if known.get(k) != wanted.get(k)]
        raise InputError(f"{output}: holds another data set, made with other {', '.join(names)}")
    return True


def _move(partial: pathlib.Path, output: pathlib.Path, parameters: ShapesParameters) -> bool:
    """Gives the finished folder its name; False if another process made the same one meanwhile."""
    try:
        os.replace(partial, output)  # also onto an empty folder
    except OSError:
        if _holds(output, parameters):
            return False
        raise
    return True


def _write_data_set(folder: pathlib.Path, parameters, workers: int, progress) -> None:
    """Writes frames, annotations and, last, parameters.json."""
    counts = {"train": parameters.train_videos, "valid": parameters.valid_videos}
    if parameters.stills:
        counts[STILLS] = parameters.stills
    jobs = [(split, index) for split in counts for index in range(counts[split])]
    made: dict[str, list] = {split: [] for split in counts}
    for split in counts:
        (folder / split).mkdir(parents=True)
    for (split, _), entry in zip(jobs, _made(folder, jobs, parameters, workers), strict=True):
        made[split].append(entry)
        progress(1)
    for split in SPLITS:
        visible = [(video, own) for video, own, _ in made[split]]
        write_json(folder / f"annotations_{split}.json", _document(split, visible, parameters))
        if parameters.amodal:
            whole = [(video, own) for video, _, own in made[split]]
            write_json(folder / f"amodal_{split}.json", _document(split, whole, parameters))
    if parameters.stills:
        for name, document in stills_documents(made[STILLS], parameters).items():
            write_json(folder / name, document)
    write_json(folder / "parameters.json", parameters.as_json())


def _made(folder: pathlib.Path, jobs: list, parameters, workers: int):
    """Yields the result of `make_video` or `make_still` for every job, in order."""
    make = functools.partial(_make_job, folder, parameters)
    if workers == 1:
        yield from map(make, jobs)
        return
    context = multiprocessing.get_context("spawn")  # safe in a process that has threads
    with concurrent.futures.ProcessPoolExecutor(workers, context) as pool:
        yield from pool.map(make, jobs)


def _make_job(folder: pathlib.Path, parameters: ShapesParameters, job: tuple[str, int]):
    cv2.setNumThreads(1)
    split, index = job
    if split == STILLS:
        return make_still(folder, index, parameters)
    return make_video(folder, split, index, parameters)


def _document(split: str, videos: list, parameters: ShapesParameters) -> dict:
    """The annotation file of a split, of each video's record and those of its objects."""
    records = [record for _, own in videos for record in own]
    return {
        "info": {"description": f"Occluded Shapes, {split}"},
        "videos": [video for video, _ in videos],
        "categories": categories_json(parameters.pairs),
        "annotations": [{"id": i + 1, **record} for i, record in enumerate(records)],
    }
