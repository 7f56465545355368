"""Ground truth and prediction side by side, as a movie and as a contact sheet per video."""

import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import cv2
import numpy as np

from ovis_jax.data.frame_files import read_frame
from ovis_jax.formats.annotations import Annotations, Video
from ovis_jax.visualization.contact_sheet import sheet_frames, write_sheet
from ovis_jax.visualization.drawing import DrawnTrack, add_title, draw_tracks
from ovis_jax.visualization.identities import shared_identities
from ovis_jax.visualization.movie import write_timed_movie

_SHEET_ROWS = 6
_GAP = 4  # pixels between panels
FRAMES_PER_SECOND = 6.0  # annotated frames of OVIS are about a fifth of a second apart


def write_overlays(
    annotations: Annotations,
    images_dir: pathlib.Path | str,
    records: Sequence[dict],
    output_dir: pathlib.Path | str,
    *,
    num_videos: int,
    min_score: float = 0.3,
) -> list[pathlib.Path]:
    """Draws some videos, spread evenly over the file, to `video_<id>.mp4` and `video_<id>.png`.

    A prediction has the colour of the ground truth object that it covers best. Without ground truth
    only predictions are drawn.

    Args:
      annotations: videos and categories, and ground truth if there is any.
      images_dir: folder that the videos' file names are relative to.
      records: entries of results.json.
      output_dir: made if it does not exist.
      num_videos: number of videos to draw.
      min_score: predictions below it are not drawn.

    Returns:
      The files written.
    """
    output_dir = pathlib.Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    names = {category.id: category.name for category in annotations.categories}
    written = []
    for video in chosen_videos(annotations.videos, num_videos):
        own = [record for record in records if record["video_id"] == video.id]
        truth = true_tracks(annotations, video)
        predicted = predicted_tracks(own, names, min_score, truth)
        movie, sheet = (output_dir / f"video_{video.id}.{kind}" for kind in ("mp4", "png"))
        images = (
            read_frame(pathlib.Path(images_dir) / name, video.width, video.height)
            for name in video.file_names
        )
        write_pictures(movie, sheet, overlay_frames(images, truth, predicted), video.length)
        written += [movie, sheet]
    return written


def write_pictures(
    movie: pathlib.Path,
    sheet: pathlib.Path,
    pictures: Iterable[np.ndarray],
    length: int,
    seconds: Sequence[float] | None = None,
) -> None:
    """Writes pictures, made one by one, to a movie and some of them to a contact sheet.

    Args:
      movie: path of the movie.
      sheet: path of the contact sheet.
      pictures: [H, W, 3] uint8 RGB each, all of one size.
      length: number of pictures.
      seconds: how long the movie shows each; None: all of them at FRAMES_PER_SECOND.
    """
    wanted, rows = set(sheet_frames(length, _SHEET_ROWS)), []

    def passing() -> Iterator[np.ndarray]:
        for number, picture in enumerate(pictures):
            if number in wanted:
                rows.append(picture)
            yield picture

    shown = [1 / FRAMES_PER_SECOND] * length if seconds is None else seconds
    write_timed_movie(movie, zip(passing(), shown, strict=True))
    write_sheet(sheet, rows)


def overlay_frames(
    images: Iterable[np.ndarray],
    truth: Sequence[DrawnTrack] | None,
    predicted: Sequence[DrawnTrack],
) -> Iterator[np.ndarray]:
    """Pictures of a video's frames: ground truth (unless None) left of the prediction."""
    panels = [("prediction", predicted)]
    yield from panel_frames(images, panels if truth is None else [("ground truth", truth), *panels])


def panel_frames(
    images: Iterable[np.ndarray], panels: Sequence[tuple[str, Sequence[DrawnTrack]]]
) -> Iterator[np.ndarray]:
    """Pictures of a video's frames: the same frame with each title and its tracks, side by side.

    Frames are grey where tracks have colours that mean something.
    """
    for frame, image in enumerate(images):
        drawn = []
        for title, tracks in panels:
            panel = draw_tracks(_background(image, tracks), frame, tracks)
            drawn.append(add_title(panel, f"{title}, frame {frame}"))
        gap = np.full((len(drawn[0]), _GAP, 3), 255, np.uint8)
        yield np.concatenate([part for panel in drawn for part in (gap, panel)][1:], axis=1)


def _background(image: np.ndarray, tracks: Sequence[DrawnTrack]) -> np.ndarray:
    if all(track.colors is None for track in tracks):
        return image
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def true_tracks(annotations: Annotations, video: Video) -> list[DrawnTrack] | None:
    """Ground truth of a video as it is drawn, numbered from 0; None if the file has none."""
    if not annotations.has_ground_truth:
        return None
    names = {category.id: category.name for category in annotations.categories}
    return [
        DrawnTrack(
            identity=number,
            label=names[instance.category_id],
            segmentations=[instance.rle(frame) for frame in range(video.length)],
        )
        for number, instance in enumerate(annotations.instances_of(video.id))
    ]


def predicted_tracks(
    records: Sequence[dict],
    names: Mapping[int, str],
    min_score: float,
    truth: Sequence[DrawnTrack] | None = None,
) -> list[DrawnTrack]:
    """Predictions of a video as they are drawn, the surest over the others.

    Args:
      records: entries of results.json.
      names: of the categories, by id.
      min_score: records below it are left out.
      truth: objects whose numbers the predictions of these objects take.
    """
    shown = sorted((r for r in records if r["score"] >= min_score), key=lambda r: r["score"])
    masks = [record["segmentations"] for record in shown]
    identities = shared_identities([track.segmentations for track in truth or ()], masks)
    return [
        DrawnTrack(
            identity=identity,
            label=f"{names[record['category_id']]} {record['score']:.2f}",
            segmentations=record["segmentations"],
        )
        for identity, record in zip(identities, shown, strict=True)
    ]


def chosen_videos(videos: Sequence[Video], count: int) -> list[Video]:
    """At most `count` videos, spread evenly."""
    count = min(count, len(videos))
    return [videos[i * len(videos) // count] for i in range(count)]
