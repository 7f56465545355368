"""Pseudo-videos written as a data set in OVIS format, to be looked at or trained on like any other.

DIR/annotations.json  DIR/frames/0001/00000.jpg …
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Callable, Sequence

import numpy as np

from ovis_jax.data.frame_files import write_frame
from ovis_jax.data.pseudo.clip import draw_frame
from ovis_jax.data.pseudo.draw import ClipSettings, draw_clip
from ovis_jax.data.pseudo.stills import CocoStills
from ovis_jax.data.settings import PseudoVideo
from ovis_jax.data.track_records import TrackRecords
from ovis_jax.data.transforms import Resizing, frame_geometry
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError

_QUALITY = 95


@dataclasses.dataclass(frozen=True)
class VideoMaker:
    """What every video is made of.

    Attributes:
      stills: the images; label k is `categories[k]`.
      categories: of the annotations.
      pseudo_video: how the images move.
      resizing: of the frames; they are not padded.
      flip_probability: that a video is mirrored.
    """

    stills: CocoStills
    categories: Sequence[Category]
    pseudo_video: PseudoVideo
    resizing: Resizing
    flip_probability: float


def write_pseudo_videos(
    output: pathlib.Path | str,
    maker: VideoMaker,
    *,
    videos: int,
    frames: int,
    seed: int,
    progress: Callable[[int], None] = lambda videos: None,
) -> None:
    """Writes clips of different images into a folder that comes into being complete or not at all.

    Occlusion levels speak of what is pasted over an object, since what hides it in the image itself
    is not known.

    Args:
      output: the folder; absent or empty.
      maker: what the videos are made of.
      videos: their number, at most that of the images.
      frames: of each video.
      seed: of images and motions.
      progress: called with 1 after every video.

    Raises:
      InputError: the folder is not empty, there are too few images, or one cannot be used.
    """
    stills = maker.stills
    output = pathlib.Path(output).resolve()
    if not 1 <= videos <= len(stills.pictures):
        raise InputError(f"videos: {videos}, expected 1 to {len(stills.pictures)}, one an image")
    if frames < 1:
        raise InputError(f"frames: {frames}, expected at least 1")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output}: expected a new or an empty folder")
    partial = output.with_name(f"{output.name}.partial-{os.getpid()}")
    chosen = np.random.default_rng(seed).permutation(len(stills.pictures))[:videos]
    document = {
        "info": {"description": f"pseudo-videos made of {stills.path}"},
        "videos": [],
        "categories": [{"id": c.id, "name": c.name} for c in maker.categories],
        "annotations": [],
    }
    try:
        for index, number in enumerate(chosen.tolist()):
            rng = np.random.default_rng([seed, index])
            folder = partial / "frames"
            video, records = _write_video(folder, index + 1, rng, maker, number, frames)
            first = len(document["annotations"]) + 1
            document["videos"].append(video)
            document["annotations"] += [{"id": first + i, **r} for i, r in enumerate(records)]
            progress(1)
        write_json(partial / "annotations.json", document)
        os.replace(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_video(
    folder: pathlib.Path,
    video_id: int,
    rng: np.random.Generator,
    maker: VideoMaker,
    number: int,
    length: int,
) -> tuple[dict, list[dict]]:
    """Draws one video; its record and its annotation records without ids."""
    settings, stills = maker.pseudo_video, maker.stills
    record = stills.pictures[number].record
    geometry = frame_geometry(record.width, record.height, maker.resizing)
    size = (geometry.width, geometry.height)
    clip_settings = ClipSettings(
        geometry=geometry,
        length=length,
        motion=settings.motion,
        pasting=settings.pasting,
        flip_probability=maker.flip_probability,
    )
    clip, labels = draw_clip(rng, stills, stills.load(number), clip_settings)
    tracks = TrackRecords([maker.categories[label].id for label in labels], settings.min_pixels)
    names = [f"{video_id:04d}/{frame:05d}.jpg" for frame in range(length)]
    (folder / f"{video_id:04d}").mkdir(parents=True)
    for frame, name in enumerate(names):
        drawn = draw_frame(clip, frame, size, settings.fill)
        tracks.add(drawn.masks, drawn.full_areas)
        write_frame(folder / name, drawn.image, _QUALITY)
    video = dict(id=video_id, width=size[0], height=size[1], length=length, file_names=names)
    return video, tracks.records(video_id)
