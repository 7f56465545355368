"""Ground truth and prediction side by side, as a movie and as a contact sheet per video."""

import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ovis_jax.data.frame_files import read_frame
from ovis_jax.formats.annotations import Annotations, Video
from ovis_jax.visualization.contact_sheet import sheet_frames, write_sheet
from ovis_jax.visualization.drawing import DrawnTrack, add_title, draw_tracks
from ovis_jax.visualization.identities import shared_identities
from ovis_jax.visualization.movie import write_movie

_SHEET_ROWS = 6
_FRAMES_PER_SECOND = 6.0  # annotated frames of OVIS are about a fifth of a second apart


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
    written = []
    for video in chosen_videos(annotations.videos, num_videos):
        own = [r for r in records if r["video_id"] == video.id and r["score"] >= min_score]
        truth, predicted = drawn_tracks(annotations, video, own)
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
    frames_per_second: float = _FRAMES_PER_SECOND,
) -> None:
    """Writes `length` pictures, made one by one, to a movie and some of them to a contact sheet."""
    wanted, rows = set(sheet_frames(length, _SHEET_ROWS)), []

    def passing() -> Iterator[np.ndarray]:
        for number, picture in enumerate(pictures):
            if number in wanted:
                rows.append(picture)
            yield picture

    write_movie(movie, passing(), frames_per_second)
    write_sheet(sheet, rows)


def overlay_frames(
    images: Iterable[np.ndarray],
    truth: Sequence[DrawnTrack] | None,
    predicted: Sequence[DrawnTrack],
) -> Iterator[np.ndarray]:
    """Pictures of a video's frames: ground truth (unless None) left of the prediction."""
    for frame, image in enumerate(images):
        right = add_title(draw_tracks(image, frame, predicted), f"prediction, frame {frame}")
        if truth is None:
            yield right
        else:
            left = add_title(draw_tracks(image, frame, truth), f"ground truth, frame {frame}")
            yield np.concatenate([left, np.full((len(left), 4, 3), 255, np.uint8), right], axis=1)


def drawn_tracks(
    annotations: Annotations, video: Video, records: Sequence[dict]
) -> tuple[list[DrawnTrack] | None, list[DrawnTrack]]:
    """Ground truth (None if the file has none) and predictions of a video as they are drawn."""
    names = {category.id: category.name for category in annotations.categories}
    records = sorted(records, key=lambda r: r["score"])  # the surest is drawn over the others
    texts = [f"{names[r['category_id']]} {r['score']:.2f}" for r in records]
    masks = [r["segmentations"] for r in records]
    if not annotations.has_ground_truth:
        return None, _tracks(range(len(records)), texts, masks)
    instances = annotations.instances_of(video.id)
    truth_masks = [[i.rle(frame) for frame in range(video.length)] for i in instances]
    truth_texts = [names[i.category_id] for i in instances]
    identities = shared_identities(truth_masks, masks)
    truth = _tracks(range(len(instances)), truth_texts, truth_masks)
    return truth, _tracks(identities, texts, masks)


def chosen_videos(videos: Sequence[Video], count: int) -> list[Video]:
    """At most `count` videos, spread evenly."""
    count = min(count, len(videos))
    return [videos[i * len(videos) // count] for i in range(count)]


def _tracks(identities, texts, masks) -> list[DrawnTrack]:
    return [
        DrawnTrack(identity=identity, label=text, segmentations=segmentations)
        for identity, text, segmentations in zip(identities, texts, masks, strict=True)
    ]
