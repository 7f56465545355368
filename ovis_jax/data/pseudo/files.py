"""Pseudo-videos written as a data set in OVIS format, to be looked at or trained on like any other.

DIR/annotations.json  DIR/frames/0001/00000.jpg …
"""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable, Sequence

import numpy as np

from ovis_jax.data.frame_files import write_frame
from ovis_jax.data.pseudo.clip import draw_frame
from ovis_jax.data.pseudo.draw import ClipSettings, draw_clip
from ovis_jax.data.pseudo.motion import Motion
from ovis_jax.data.pseudo.paste import Pasting
from ovis_jax.data.pseudo.samples import check_settings
from ovis_jax.data.pseudo.stills import CocoStills
from ovis_jax.data.track_records import TrackRecords
from ovis_jax.data.transforms import frame_geometry
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError

_QUALITY = 95


def write_pseudo_videos(
    output: pathlib.Path | str,
    stills: CocoStills,
    categories: Sequence[Category],
    data,
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
      stills: the images; label k is `categories[k]`.
      categories: of the annotations.
      data: `config.data`; its `pseudo_video`, `image_scale`, `mean` (colour beside the image) and
        `flip_probability` are used.
      videos: their number, at most that of the images.
      frames: of each video.
      seed: of images and motions.
      progress: called with 1 after every video.

    Raises:
      InputError: the folder is not empty, there are too few images, or one cannot be used.
    """
    check_settings(data.pseudo_video)
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
        "categories": [{"id": c.id, "name": c.name} for c in categories],
        "annotations": [],
    }
    try:
        for index, number in enumerate(chosen.tolist()):
            rng = np.random.default_rng([seed, index])
            video, records = _write_video(
                partial / "frames", index + 1, rng, stills, number, categories, data, frames
            )
            first = len(document["annotations"]) + 1
            document["videos"].append(video)
            document["annotations"] += [{"id": first + i, **r} for i, r in enumerate(records)]
            progress(1)
        write_json(partial / "annotations.json", document)
        os.replace(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_video(
    folder: pathlib.Path, video_id: int, rng, stills, number: int, categories, data, length: int
) -> tuple[dict, list[dict]]:
    """Draws one video; its record and its annotation records without ids."""
    settings, record = data.pseudo_video, stills.pictures[number].record
    geometry = frame_geometry(record.width, record.height, tuple(data.image_scale), 1)
    size = (geometry.width, geometry.height)
    clip_settings = ClipSettings(
        size=size,
        length=length,
        motion=Motion(**settings.motion),
        pasting=Pasting(**settings.pasting),
        flip_probability=data.flip_probability,
    )
    clip, labels = draw_clip(rng, stills, stills.load(number), clip_settings)
    tracks = TrackRecords([categories[label].id for label in labels], settings.min_pixels)
    names = [f"{video_id:04d}/{frame:05d}.jpg" for frame in range(length)]
    (folder / f"{video_id:04d}").mkdir(parents=True)
    for frame, name in enumerate(names):
        drawn = draw_frame(clip, frame, size, data.mean)
        tracks.add(drawn.masks, drawn.full_areas)
        write_frame(folder / name, drawn.image, _QUALITY)
    video = dict(id=video_id, width=size[0], height=size[1], length=length, file_names=names)
    return video, tracks.records(video_id)
