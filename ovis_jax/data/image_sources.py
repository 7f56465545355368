"""The images that one wants tracked: a video file, a folder of frames, or one image."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ovis_jax.data.frame_files import read_frame
from ovis_jax.data.movie_files import read_movie, survey_movie
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import files_in_order
from ovis_jax.formats.image_size import image_size

_FOLDER_RATE = 6.0  # frames per second of the overlay of a folder
_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """Images of one size that can be read again and again.

    Attributes:
      width: of every image.
      height: of every image.
      seconds: how long each image is shown.
      read: starts from the first image; [height, width, 3] uint8 RGB each.
      name: of the video: that of its folder, or of its file without ending.
      stills: names of the image files in their folder; empty for a video file.
    """

    width: int
    height: int
    seconds: Sequence[float]
    read: Callable[[], Iterator[np.ndarray]]
    name: str
    stills: Sequence[str] = ()

    def file_names(self, length: int) -> list[str]:
        """Names of the first `length` frames, relative to the folder of all videos.

        Those of a video file are what `extracted_name` says.
        """
        stills = self.stills or [extracted_name(number) for number in range(length)]
        return [f"{self.name}/{still}" for still in stills[:length]]


def extracted_name(number: int, suffix: str = ".jpg") -> str:
    """Name of the file that a frame of a video becomes, as CVAT names it; frames count from 0."""
    return f"frame_{number:06d}{suffix}"


def open_images(path: pathlib.Path) -> ImageSource:
    """Opens a video file, an image, or a folder of frames in the order of their numbers.

    A video is looked through once; of the images in a folder only the sizes are.

    Raises:
      InputError: there is nothing, nothing that can be read as images, images of several sizes, or
        frames whose order is in doubt.
    """
    if not path.exists():
        raise InputError(f"{path}: does not exist, expected a video file or a folder of frames")
    if path.is_dir():
        paths = files_in_order(path, _SUFFIXES)
        if not paths:
            raise InputError(f"{path}: no frames, expected files ending in {', '.join(_SUFFIXES)}")
        return _open_stills(paths)
    if path.suffix.lower() != ".gif" and cv2.haveImageReader(str(path)):
        images = _open_stills([path])
        _check_single(path)
        return images
    facts = survey_movie(path)
    return ImageSource(
        facts.width, facts.height, facts.seconds, lambda: read_movie(path), path.stem
    )


def _check_single(path: pathlib.Path) -> None:
    """Raises InputError if an image file is animated, or a stack of pages."""
    pictures = cv2.imcount(str(path))
    if pictures > 1:
        raise InputError(
            f"{path}: an image file with {pictures} pictures, of which only the first would be "
            "read; expected a video file (or GIF), a folder of frames or a single image"
        )


def _open_stills(paths: Sequence[pathlib.Path]) -> ImageSource:
    width, height = size = image_size(paths[0])
    for path in paths:
        if (own := image_size(path)) != size:
            raise InputError(
                f"{path}: {own[0]}x{own[1]} pixels, but {paths[0].name} has {width}x{height}; "
                "expected frames of one size"
            )
    seconds = [1 / _FOLDER_RATE] * len(paths)
    return ImageSource(
        width,
        height,
        seconds,
        lambda: (read_frame(p, width, height) for p in paths),
        paths[0].absolute().parent.name,
        [path.name for path in paths],
    )
