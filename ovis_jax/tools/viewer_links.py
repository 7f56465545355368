"""Draws the videos that a report names, so that its tables can link to them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

from tqdm import tqdm

from ovis_jax.analysis.analyze import SystemReport
from ovis_jax.analysis.report.wording import slug
from ovis_jax.analysis.sections import Place
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import TrackResult

FOLDER = "videos"
_MIN_SCORE = 0.3  # of results that are drawn
MAX_VIDEOS = 12
"""Drawn of each report, in the order in which its tables name them."""


@dataclasses.dataclass(frozen=True)
class DrawnVideos:
    """The page with the videos of a system.

    Attributes:
      folder: relative to the report.
      videos: ids of those that are on the page.
    """

    folder: str
    videos: Sequence[int]

    def address(self, place: Place) -> str | None:
        """Where the page shows a place; None if it does not."""
        if place.video_id not in self.videos:
            return None
        frame = "" if place.frame is None else f"-frame-{place.frame}"
        return f"{self.folder}/index.html#video-{place.video_id}{frame}"


def named_videos(reports: Sequence[SystemReport]) -> list[int]:
    """Ids of the videos that tables name, each once, in the order in which they do; not too many.

    Every report gets its share of them.
    """
    found = []
    for report in reports:
        found += list(dict.fromkeys(place.video_id for place in _places(report)))[:MAX_VIDEOS]
    return list(dict.fromkeys(found))


def viewer_folder(label: str, labels: Sequence[str]) -> str:
    """Folder of a system's page, relative to the report."""
    if len(labels) == 1:
        return FOLDER
    return f"{FOLDER}/{labels.index(label) + 1}_{slug(label)}"


def draw_videos(
    annotations: Annotations,
    images: pathlib.Path,
    tracks: Sequence[TrackResult],
    ids: Sequence[int],
    folder: pathlib.Path,
) -> None:
    """Writes the page of the browsing tool with these videos.

    Args:
      annotations: ground truth.
      images: folder of the frames.
      tracks: of the system.
      ids: of the videos.
      folder: made if it does not exist.

    Raises:
      InputError: a frame cannot be read, or what draws is not installed.
    """
    try:
        from ovis_jax.tools.browse import as_record
        from ovis_jax.visualization.browsing import Browsed, frames_in, write_browser
        from ovis_jax.visualization.viewer.page import Systems
    except ModuleNotFoundError as error:
        raise InputError(f"--images: cannot draw, {error.name} is not installed") from None
    videos = {video.id: video for video in annotations.videos}
    records = [as_record(track) for track in tracks if track.video_id in set(ids)]
    with tqdm(desc="draw", total=len(ids), unit="video", disable=None, leave=False) as bar:
        systems = Systems(annotations, {"results": records}, _MIN_SCORE)
        chosen = [videos[own] for own in ids]
        write_browser(Browsed(systems, chosen, frames_in(images)), folder, bar.update)


def place_link(drawn: dict[str, DrawnVideos]) -> Callable[[str, Place], str | None]:
    """Address of a place in the pages of systems, by label."""

    def link(label: str, place: Place) -> str | None:
        return drawn[label].address(place) if label in drawn else None

    return link


def _places(report: SystemReport) -> Iterator[Place]:
    for section in report.sections:
        for table in section.tables:
            for row in table.rows:
                yield from (cell for cell in row if isinstance(cell, Place))
