"""Chosen videos drawn with their objects: movies, contact sheets and a page of timelines."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

from ovis_jax.data.frame_files import read_frame
from ovis_jax.formats.annotation_records import Instance
from ovis_jax.formats.annotations import Annotations, Video
from ovis_jax.visualization.colors import LEVEL_COLORS
from ovis_jax.visualization.drawing import DrawnTrack
from ovis_jax.visualization.overlays import (
    FRAMES_PER_SECOND,
    panel_frames,
    predicted_tracks,
    true_tracks,
    write_pictures,
)
from ovis_jax.visualization.timeline import Moment, TimelineRow, TimelineVideo, write_page

_WORDS = {level: level.replace("_", " ") for level in LEVEL_COLORS}
_UNLABELLED = Moment("visible", (150, 150, 150))


def write_browser(
    annotations: Annotations,
    images_dir: pathlib.Path | str,
    records: Sequence[dict] | None,
    videos: Sequence[Video],
    output_dir: pathlib.Path | str,
    *,
    min_score: float = 0.3,
    progress: Callable[[int], None] = lambda videos: None,
) -> list[pathlib.Path]:
    """Writes `video_<id>.mp4`, `video_<id>.png` and `index.html`.

    Identity colours stand beside occlusion levels (paper, Figure 2: green none, yellow slight, red
    severe) where the objects have them; with results, ground truth beside results, and a result
    has the colour of the object that it covers best.

    Args:
      annotations: ground truth, or videos and categories alone.
      images_dir: folder that the videos' file names are relative to.
      records: entries of results.json, or None.
      videos: of `annotations`, to be drawn.
      output_dir: made if it does not exist.
      min_score: results below it are not drawn.
      progress: called with 1 after every video.

    Returns:
      The files written.

    Raises:
      InputError: a frame cannot be used.
    """
    folder = pathlib.Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    names = {category.id: category.name for category in annotations.categories}
    written, sections = [], []
    for video in videos:
        objects = annotations.instances_of(video.id)
        truth = true_tracks(annotations, video)
        panels = [] if truth is None else [("ground truth", truth)]
        rows = [] if truth is None else [("ground truth", _true_rows(objects, truth))]
        if records is not None:
            own = [record for record in records if record["video_id"] == video.id]
            predicted = predicted_tracks(own, names, min_score, truth)
            panels.append(("results", predicted))
            rows.append(("results", [track_row(track) for track in reversed(predicted)]))
        elif any(instance.occlusion for instance in objects):
            panels.append(("occlusion", _level_tracks(objects, truth)))
        movie, sheet = (folder / f"video_{video.id}.{kind}" for kind in ("mp4", "png"))
        frames = (
            read_frame(pathlib.Path(images_dir) / name, video.width, video.height)
            for name in video.file_names
        )
        write_pictures(movie, sheet, panel_frames(frames, panels), video.length)
        sections.append(_section(video, movie.name, sheet.name, rows))
        written += [movie, sheet]
        progress(1)
    legend = [Moment(_WORDS[level], color) for level, color in LEVEL_COLORS.items()]
    page = folder / "index.html"
    write_page(page, pathlib.Path(annotations.path).name, sections, [*legend, _UNLABELLED])
    return [*written, page]


def _section(
    video: Video, movie: str, sheet: str, rows: Sequence[tuple[str, Sequence[TimelineRow]]]
) -> TimelineVideo:
    name = pathlib.PurePath(video.file_names[0]).parent
    return TimelineVideo(
        id=video.id,
        title=f"video {video.id} ({name}): {video.length} frames, {video.width}x{video.height}",
        movie=movie,
        sheet=sheet,
        length=video.length,
        frames_per_second=FRAMES_PER_SECOND,
        rows=rows,
    )


def _level_tracks(objects: Sequence[Instance], truth: Sequence[DrawnTrack]) -> list[DrawnTrack]:
    """The same tracks in the colours of their occlusion levels."""
    tracks = []
    for instance, track in zip(objects, truth, strict=True):
        levels = instance.occlusion or [None] * len(track.segmentations)
        colors = [LEVEL_COLORS.get(level) for level in levels]
        tracks.append(DrawnTrack(track.identity, track.label, track.segmentations, colors))
    return tracks


def _true_rows(objects: Sequence[Instance], truth: Sequence[DrawnTrack]) -> list[TimelineRow]:
    rows = []
    for instance, track in zip(objects, truth, strict=True):
        crowd = ", crowd" if instance.iscrowd else ""
        rows.append(
            track_row(track, instance.occlusion, f"{track.label} (id {instance.id}{crowd})")
        )
    return rows


def track_row(
    track: DrawnTrack, levels: Sequence[str | None] | None = None, label: str | None = None
) -> TimelineRow:
    """A track's row, in the colours of its levels where it has them."""
    moments = {level: Moment(word, LEVEL_COLORS[level]) for level, word in _WORDS.items()}
    return TimelineRow(
        label=track.label if label is None else label,
        color=track.color(0),
        moments=[
            None if mask is None else moments.get(level, _UNLABELLED)
            for mask, level in zip(
                track.segmentations, levels or [None] * len(track.segmentations), strict=True
            )
        ],
    )
