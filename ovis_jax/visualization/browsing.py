"""Chosen videos drawn with their objects: movies, contact sheets and a page to look at them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ovis_jax.data.frame_files import read_frame
from ovis_jax.formats.annotation_records import Instance
from ovis_jax.formats.annotations import Video
from ovis_jax.visualization.colors import LEVEL_COLORS
from ovis_jax.visualization.drawing import DrawnTrack
from ovis_jax.visualization.overlays import (
    panel_frames,
    predicted_tracks,
    true_tracks,
    write_pictures,
)
from ovis_jax.visualization.viewer.page import Systems, video_data, write_page


@dataclasses.dataclass(frozen=True)
class Browsed:
    """What is drawn, and from which frames.

    Attributes:
      systems: ground truth and results.
      videos: of the annotations, to be drawn.
      read: gives the frames of a video, [h, w, 3] uint8 RGB each, from the first one on.
    """

    systems: Systems
    videos: Sequence[Video]
    read: Callable[[Video], Iterator[np.ndarray]]


def frames_in(folder: pathlib.Path | str) -> Callable[[Video], Iterator[np.ndarray]]:
    """Reads frames of the files that the annotations name, relative to a folder."""

    def read(video: Video) -> Iterator[np.ndarray]:
        for name in video.file_names:
            yield read_frame(pathlib.Path(folder) / name, video.width, video.height)

    return read


def write_browser(
    browsed: Browsed,
    output_dir: pathlib.Path | str,
    progress: Callable[[int], None] = lambda videos: None,
) -> list[pathlib.Path]:
    """Writes `video_<id>.mp4`, `video_<id>.png` and `index.html`, a page that needs no other file.

    Identity colours stand beside occlusion levels (paper, Figure 2: green none, yellow slight, red
    severe) where the objects have them; with results, ground truth beside results, and a result
    has the colour of the object that it covers best.

    Args:
      browsed: what is drawn.
      output_dir: made if it does not exist.
      progress: called with 1 after every video.

    Returns:
      The files written.

    Raises:
      InputError: a frame cannot be used.
    """
    folder = pathlib.Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    written, data = [], []
    for video in browsed.videos:
        movie, sheet = (folder / f"video_{video.id}.{kind}" for kind in ("mp4", "png"))
        pictures = panel_frames(browsed.read(video), _panels(browsed.systems, video))
        write_pictures(movie, sheet, pictures, video.length)
        data.append(video_data(browsed.systems, video, browsed.read(video)))
        written += [movie, sheet]
        progress(1)
    page = folder / "index.html"
    title = pathlib.Path(browsed.systems.annotations.path).name
    write_page(page, title, browsed.systems, data)
    return [*written, page]


def _panels(systems: Systems, video: Video) -> list[tuple[str, list[DrawnTrack]]]:
    """What the movie shows side by side."""
    truth = true_tracks(systems.annotations, video)
    panels = [] if truth is None else [("ground truth", truth)]
    for name in systems.records:
        own = systems.shown(name, video)
        panels.append((name, predicted_tracks(own, systems.names(), systems.min_score, truth)))
    objects = systems.annotations.instances_of(video.id) if truth is not None else []
    if not systems.records and any(instance.occlusion for instance in objects):
        panels.append(("occlusion", _level_tracks(objects, truth)))
    return panels


def _level_tracks(objects: Sequence[Instance], truth: Sequence[DrawnTrack]) -> list[DrawnTrack]:
    """The same tracks in the colours of their occlusion levels."""
    tracks = []
    for instance, track in zip(objects, truth, strict=True):
        levels = instance.occlusion or [None] * len(track.segmentations)
        colors = [LEVEL_COLORS.get(level) for level in levels]
        tracks.append(DrawnTrack(track.identity, track.label, track.segmentations, colors))
    return tracks
