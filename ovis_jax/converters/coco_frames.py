"""The videos of a COCO-style file: which images are its frames, and in which order.

Tools say it in different ways. Videos: `video_id`, or nothing, as the exports of annotation tools
(CVAT, datumaro); then images of one folder are one video. Order: `frame_id`, `frame_index`
(TAO), or nothing; then it is that of the numbers in the file names. Ids may be strings.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from ovis_jax.converters.sources import Sources
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import (
    as_record,
    identifier,
    list_of,
    required,
    shown,
    whole_number,
)
from ovis_jax.formats.frame_names import natural_key, natural_order
from ovis_jax.formats.plain_values import kind

_NUMBERS = ("frame_id", "frame_index")
_OPTIONAL = ("video_id", *_NUMBERS)


@dataclasses.dataclass(frozen=True)
class CocoFrames:
    """Where every image belongs.

    Attributes:
      videos: entries as in OVIS format, in the order of their ids.
      places: (id of the video, number of the frame from 0) by id of the image.
    """

    videos: list[dict]
    places: dict[int | str, tuple[int, int]]


def coco_frames(parts: dict, sources: Sources, path: pathlib.Path) -> CocoFrames:
    """Sorts the images of a file into videos.

    Args:
      parts: of the file; `images` is used.
      sources: is told what was guessed.
      path: of the file, for messages.

    Raises:
      InputError: a field is missing or makes no sense, or the order is in doubt.
    """
    images = _images(parts, path)
    number = _number_field(images, path)
    found = CocoFrames([], {})
    for video_id, frames in _by_video(images, sources, path).items():
        frames = _in_order(frames, number, f"{path}: video {video_id}")
        first = frames[0]
        for place, image in enumerate(frames):
            _check_size(image, first, f"{path}: images, id {image['id']}")
            found.places[image["id"]] = (video_id, place)
        names = [image["file_name"] for image in frames]
        size = {side: first[side] for side in ("width", "height")}
        found.videos.append({"id": video_id, **size, "length": len(frames), "file_names": names})
    return found


def _images(parts: dict, path: pathlib.Path) -> list[dict]:
    """All images, with an id and a name each; optional fields that are null are left out."""
    images, ids = [], set()
    for number, image in enumerate(list_of(parts, "images", str(path))):
        where = f"{path}: images[{number}]"
        given = as_record(image, where).items()
        image = {
            field: value for field, value in given if value is not None or field not in _OPTIONAL
        }
        image["id"] = identifier(image, "id", where)
        name = required(image, "file_name", where)
        if not isinstance(name, str):
            raise InputError(f"{where}: file_name: expected a string, is {kind(name)}")
        if image["id"] in ids:
            raise InputError(f"{where}: id: {shown(image['id'])} is there twice")
        ids.add(image["id"])
        images.append(image)
    return images


def _number_field(images: Sequence[dict], path: pathlib.Path) -> str | None:
    """The field that numbers the frames of all images; None if there is none."""
    for field in _NUMBERS:
        if any(field in image for image in images):
            for number, image in enumerate(images):
                image[field] = whole_number(image, field, f"{path}: images[{number}]")
            return field
    return None


def _by_video(
    images: Sequence[dict], sources: Sources, path: pathlib.Path
) -> dict[int, list[dict]]:
    """Images by video id, the smallest first."""
    videos: dict[int | str, list[dict]] = {}
    if any("video_id" in image for image in images):
        for number, image in enumerate(images):
            video_id = identifier(image, "video_id", f"{path}: images[{number}]")
            videos.setdefault(video_id, []).append(image)
        return _by_number(videos, sources, path)
    folders: dict[str, list[dict]] = {}
    for image in images:
        folders.setdefault(str(_path(image).parent), []).append(image)
    if images:
        several = f"each of the {len(folders)} folders in file_name is a video"
        guess = several if len(folders) > 1 else "all of them are one video"
        sources.note(f"{path}: images without video_id: {guess}")
    return _enumerated(folders)


def _by_number(
    videos: dict[int | str, list[dict]], sources: Sources, path: pathlib.Path
) -> dict[int, list[dict]]:
    """Images by video id; by the place of the id if ids are texts."""
    texts = {video_id: frames for video_id, frames in videos.items() if isinstance(video_id, str)}
    if not texts:
        return dict(sorted(videos.items()))
    if len(texts) < len(videos):
        raise InputError(f"{path}: images: video_id: numbers and strings, expected one of them")
    sources.note(f"{path}: images: video_id is a string; videos are numbered from 1 in its order")
    return _enumerated(texts)


def _enumerated(videos: dict[str, list[dict]]) -> dict[int, list[dict]]:
    """Images by the place, from 1, of the name of their video."""
    ordered = sorted(videos, key=lambda name: (natural_key(name), name))
    return {number: videos[name] for number, name in enumerate(ordered, start=1)}


def _path(image: dict) -> pathlib.PurePath:
    """Folder and name of an image, whichever way its slashes lean."""
    return pathlib.PureWindowsPath(image["file_name"])


def _in_order(frames: list[dict], number: str | None, where: str) -> list[dict]:
    """The images of a video in the order of its frames."""
    if number is None:
        return _in_order_of_names(frames, where)
    frames = sorted(frames, key=lambda image: image[number])
    for earlier, image in zip(frames, frames[1:], strict=False):
        if earlier[number] == image[number]:
            raise InputError(
                f"{where}: images, id {image['id']}: {number}: {image[number]} is there twice"
            )
    return frames


def _in_order_of_names(frames: list[dict], where: str) -> list[dict]:
    by_name = {_path(image).name: image for image in frames}
    folders = {str(_path(image).parent) for image in frames}
    if len(folders) > 1 or len(by_name) < len(frames):
        raise InputError(
            f"{where}: images without frame_id or frame_index, of several folders or with the same "
            "file_name: their order is in doubt"
        )
    return [by_name[name] for name in natural_order(by_name, where)]


def _check_size(image: dict, first: dict, where: str) -> None:
    for side in ("width", "height"):
        if required(image, side, where) != required(first, side, where):
            raise InputError(
                f"{where}: {side}: {image[side]}, but {first[side]} in the video's first frame"
            )
