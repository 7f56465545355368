"""The frames of a video file as a player shows them: upright, each for its time."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
from collections.abc import Iterator, Sequence

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from tqdm import tqdm

from ovis_jax.data.upright import Turn, turn_of_degrees, turn_of_matrix
from ovis_jax.formats.errors import InputError

_USUAL_STEP = 1 / 25  # seconds; of a video that says nothing at all about times


@dataclasses.dataclass(frozen=True)
class MovieFacts:
    """What is known of a video once it was looked through.

    Attributes:
      width: of every frame as shown; likewise `height`.
      height: see `width`.
      seconds: how long each frame is shown, more than 0.
    """

    width: int
    height: int
    seconds: list[float]


def read_movie(path: pathlib.Path | str) -> Iterator[np.ndarray]:
    """Frames of a video file in order and upright, [H, W, 3] uint8 RGB each.

    Pixels come as they are stored, square or not.

    Raises:
      InputError: the file is no video or damaged, or the size of its frames changes.
    """
    for frame, turn in _frames(path):
        yield turn.apply(frame.to_ndarray(format="rgb24"))


def survey_movie(path: pathlib.Path | str) -> MovieFacts:
    """Decodes a whole video, so that whatever is wrong with it shows before it is worked on.

    Raises:
      InputError: as `read_movie`, or there is no frame.
    """
    presented, decoded = [], []
    frame = size = None
    for frame, turn in tqdm(_frames(path), unit="frame", desc="check", disable=None, leave=False):
        presented.append(frame.time)
        decoded.append(None if frame.dts is None else float(frame.dts * frame.time_base))
        size = turn.size(frame.width, frame.height)
    if frame is None:
        raise InputError(f"{path}: a video without frames")
    # AVI files have no other times than those of decoding, which FFmpeg takes for both.
    times = decoded if _returns(decoded) < _returns(presented) else presented
    with _opened(path) as container:
        return MovieFacts(*size, shown_seconds(times, _left(container, frame, times[-1])))


def shown_seconds(times: Sequence[float | None], left: float | None) -> list[float]:
    """How long each frame is shown.

    A frame without a time, or not after the one before it (files that were put together begin again
    at 0), comes a usual step after that one, and all later ones move with it.

    Args:
      times: of each frame in seconds, in the order of the frames.
      left: seconds from the last of them to the end; None if that is not known.

    Returns:
      Seconds, more than 0 each. The last frame is shown no longer than the longest other.
    """
    pairs = list(zip(times, times[1:], strict=False))
    steps = [None if None in pair else pair[1] - pair[0] for pair in pairs]
    good = [step for step in steps if step is not None and step > 0]
    usual = statistics.median_low(good) if good else left or _USUAL_STEP
    seconds = [step if step is not None and step > 0 else usual for step in steps]
    last = min(left, max(seconds, default=left)) if left else usual
    return [*seconds, last]


def _returns(times: Sequence[float | None]) -> int:
    """How often a frame does not come after the one before it, of those that have a time."""
    known = [time for time in times if time is not None]
    if not known:
        return len(times)
    return sum(after <= before for before, after in zip(known, known[1:], strict=False))


def _left(
    container: av.container.InputContainer, last: av.VideoFrame, time: float | None
) -> float | None:
    """For how long the last frame, shown at `time`, is shown: as it says itself, or its file."""
    if last.duration:
        return float(last.duration * last.time_base)
    if time is None or container.duration is None:
        return None
    end = (container.duration + (container.start_time or 0)) / av.time_base
    return end - time if end > time else None


def _frames(path: pathlib.Path | str) -> Iterator[tuple[av.VideoFrame, Turn]]:
    """Decoded frames, and how each is turned; all have one size after that."""
    with _opened(path) as container:
        stream = _video_stream(container, path)
        stream.thread_type = "AUTO"
        tagged, wanted, number = _tagged_turn(stream, path), None, 0
        try:
            for frame in container.decode(stream):
                turn = _turn(frame, tagged, path)
                size = turn.size(frame.width, frame.height)
                if size != (wanted := wanted or size):
                    raise InputError(
                        f"{path}: frame {number} has {size[0]}x{size[1]} pixels, the frames before "
                        f"it {wanted[0]}x{wanted[1]}; expected one size"
                    )
                yield frame, turn
                number += 1
        except (av.FFmpegError, OSError) as error:
            reason = error.strerror or error
            raise InputError(
                f"{path}: damaged or cut off: decoding ended after {number} frames ({reason})"
            ) from error


def _opened(path: pathlib.Path | str) -> av.container.InputContainer:
    try:
        return av.open(os.path.abspath(path))  # FFmpeg takes "10:30.mp4" for a protocol
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: not readable as a video ({reason})") from error


def _video_stream(container: av.container.InputContainer, path: pathlib.Path | str):
    """The first video stream that is not the cover picture of a piece of music."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise InputError(f"{path}: no video stream, expected a video file")


def _tagged_turn(stream, path: pathlib.Path | str) -> Turn:
    """What the tag `rotate` says, for files that have it instead of a display matrix."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    try:
        return turn_of_degrees(int(float(tags.get("rotate", 0))))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: tag rotate: {error}") from None


def _turn(frame: av.VideoFrame, tagged: Turn, path: pathlib.Path | str) -> Turn:
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return tagged
    try:
        return turn_of_matrix(bytes(matrix))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
