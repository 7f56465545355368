"""Frames one after the other, from wherever they come, none of them read before it is asked for."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from ovis_jax.data.image_sources import open_images
from ovis_jax.data.movie_files import read_movie
from ovis_jax.formats.errors import InputError

Frames = pathlib.Path | str | int | Iterable[np.ndarray]
"""A video file, a folder of frames, an image, the number of a camera, or frames."""


def frame_stream(frames: Frames) -> Iterator[np.ndarray]:
    """The frames, [h, w, 3] uint8 RGB each, all of one size.

    Args:
      frames: a video is decoded as it is read: damage far behind shows only there. A camera runs
        until nobody asks for more.

    Raises:
      InputError: there is nothing that can be read; or, at a frame, it is no such array or has
        another size than those before.
    """
    if isinstance(frames, int):
        return camera_frames(frames)
    if not isinstance(frames, pathlib.Path | str):
        return checked_frames(frames)
    path = pathlib.Path(frames)
    if path.is_dir() or not path.exists() or _is_image(path):
        return open_images(path).read()
    return read_movie(path)


def camera_frames(number: int) -> Iterator[np.ndarray]:
    """The frames of a camera, as OpenCV counts them.

    Raises:
      InputError: there is no such camera.
    """
    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        raise InputError(f"camera {number}: cannot be opened")
    return _captured(camera)


def checked_frames(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames; an InputError at one that is no image, or is not as large as the first."""
    size = None
    for number, frame in enumerate(frames):
        frame = np.asarray(frame)
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise InputError(
                f"frame {number}: {frame.dtype} {list(frame.shape)}, expected uint8 [h, w, 3] RGB"
            )
        size = size or frame.shape
        if frame.shape != size:
            raise InputError(
                f"frame {number}: {frame.shape[1]}x{frame.shape[0]} pixels, but the first has "
                f"{size[1]}x{size[0]}"
            )
        yield frame


def peeked(frames: Iterator[np.ndarray]) -> tuple[np.ndarray | None, Iterator[np.ndarray]]:
    """The first frame, or None, and all of them."""
    first = next(frames, None)
    return first, iter(()) if first is None else itertools.chain([first], frames)


def _is_image(path: pathlib.Path) -> bool:
    return path.suffix.lower() != ".gif" and cv2.haveImageReader(str(path))


def _captured(camera: cv2.VideoCapture) -> Iterator[np.ndarray]:
    try:
        while True:
            there, image = camera.read()
            if not there:
                return
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    finally:
        camera.release()
