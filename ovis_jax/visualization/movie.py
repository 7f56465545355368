"""Frames to an MP4 file, each with the time it is shown."""

import os
import pathlib
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags

_QUALITY = "20"  # constant rate factor of x264: lower is better and larger
_TICKS = 90000  # of a second: all usual rates are whole numbers of them, but for rounding


def write_movie(
    path: pathlib.Path | str, frames: Iterable[np.ndarray], frames_per_second: float
) -> None:
    """As `write_timed_movie`, all frames shown equally long."""
    write_timed_movie(path, ((frame, 1 / frames_per_second) for frame in frames))


def write_timed_movie(path: pathlib.Path | str, frames: Iterable[tuple[np.ndarray, float]]) -> None:
    """Writes an H.264 MP4 that browsers and slides play; the file appears when it is complete.

    Args:
      path: ends in `.mp4`; its folder exists.
      frames: [H, W, 3] uint8 RGB each, all of one size, and for how many seconds it is shown. An
        odd last row or column is left out, unless it is the only one.
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f".{path.stem}.unfinished.mp4")
    try:
        with av.open(str(unfinished), "w", options={"movflags": "faststart"}) as container:
            stream, ticks = None, 0
            for image, seconds in frames:
                image = _even(image)
                if stream is None:
                    stream = _add_stream(container, image, seconds)
                picture = av.VideoFrame.from_ndarray(image, format="rgb24")
                picture.time_base = Fraction(1, _TICKS)
                picture.pts, picture.duration = ticks, max(1, round(seconds * _TICKS))
                ticks += picture.duration
                container.mux(stream.encode(picture))
            if stream is None:
                raise ValueError(f"{path}: a movie needs at least one frame")
            container.mux(stream.encode())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _add_stream(container: av.container.OutputContainer, image: np.ndarray, seconds: float):
    """A stream for images like this one, without B-frames: those cost the last frame its time."""
    stream = container.add_stream("libx264", rate=Fraction(1 / seconds).limit_denominator(1001))
    stream.height, stream.width = image.shape[:2]
    stream.pix_fmt, stream.options = "yuv420p", {"crf": _QUALITY}
    stream.codec_context.time_base = Fraction(1, _TICKS)
    stream.codec_context.max_b_frames = 0
    stream.codec_context.flags |= Flags.frame_duration
    return stream


def _even(image: np.ndarray) -> np.ndarray:
    """The image with even sides, which the colours of H.264 need."""
    height, width = (max(2, side // 2 * 2) for side in image.shape[:2])
    missing = ((0, max(0, height - image.shape[0])), (0, max(0, width - image.shape[1])), (0, 0))
    return np.ascontiguousarray(np.pad(image, missing, "edge")[:height, :width])
