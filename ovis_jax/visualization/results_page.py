"""The page of one tracked video: its overlay movie and the timelines of its tracks."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

from ovis_jax.visualization.drawing import DrawnTrack
from ovis_jax.visualization.overlays import predicted_tracks
from ovis_jax.visualization.timeline import Moment, TimelineRow, TimelineVideo, write_page

MOVIE, SHEET = "overlay.mp4", "overlay.png"  # beside the page


def write_results_page(
    path: pathlib.Path,
    title: str,
    records: Sequence[dict],
    names: Mapping[int, str],
    seconds: Sequence[float],
    *,
    min_score: float,
) -> None:
    """Writes the page beside an overlay and its contact sheet.

    Args:
      path: of the page.
      title: of the video.
      records: entries of results.json of this video.
      names: of the categories, by id.
      seconds: how long the movie shows each frame.
      min_score: tracks below it are left out.
    """
    tracks = predicted_tracks(records, names, min_score)
    rows = [_row(track) for track in reversed(tracks)]
    length = len(seconds)
    section = TimelineVideo(
        id=records[0]["video_id"] if records else 1,
        title=f"{title}: {length} frames, {len(rows)} tracks",
        movie=MOVIE,
        sheet=SHEET,
        length=length,
        frames_per_second=length / sum(seconds),
        rows=[("results", rows)],
    )
    write_page(path, title, [section])


def _row(track: DrawnTrack) -> TimelineRow:
    """A bar where the track is visible."""
    visible = Moment("visible", (150, 150, 150))
    moments = [None if mask is None else visible for mask in track.segmentations]
    return TimelineRow(label=track.label, color=track.color(0), moments=moments)
