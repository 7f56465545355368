"""Frames to an MP4 file and back."""

import os
import pathlib
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np

from ovis_jax.formats.errors import InputError

_QUALITY = "20"  # constant rate factor of x264: lower is better and larger


def write_movie(
    path: pathlib.Path | str, frames: Iterable[np.ndarray], frames_per_second: float
) -> None:
    """Writes an H.264 MP4 that browsers and slides play; the file appears when it is complete.

    Args:
      path: ends in `.mp4`; its folder exists.
      frames: [H, W, 3] uint8 RGB each, all of one size; an odd last row or column is left out.
      frames_per_second: rate at which the movie plays.
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f".{path.stem}.unfinished.mp4")
    try:
        with av.open(str(unfinished), "w", options={"movflags": "faststart"}) as container:
            stream = None
            for frame in frames:
                height, width = (side // 2 * 2 for side in frame.shape[:2])
                if stream is None:
                    rate = Fraction(frames_per_second).limit_denominator(1001)
                    stream = container.add_stream("libx264", rate=rate)
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                    stream.options = {"crf": _QUALITY}
                picture = av.VideoFrame.from_ndarray(
                    np.ascontiguousarray(frame[:height, :width]), format="rgb24"
                )
                container.mux(stream.encode(picture))
            if stream is None:
                raise ValueError(f"{path}: a movie needs at least one frame")
            container.mux(stream.encode())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_movie(path: pathlib.Path | str) -> Iterator[np.ndarray]:
    """Frames of a video file in order, [H, W, 3] uint8 RGB each.

    Raises:
      InputError: the file is no video, or damaged.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path}: no video stream, expected a video file")
            container.streams.video[0].thread_type = "AUTO"
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: not readable as a video: {error}") from error


def movie_rate(path: pathlib.Path | str) -> float:
    """Frames per second of a video file; see `read_movie` for errors."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path}: no video stream, expected a video file")
            return float(container.streams.video[0].average_rate or 25)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: not readable as a video: {error}") from error
