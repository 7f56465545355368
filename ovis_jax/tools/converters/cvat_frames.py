"""Frames of a video of CVAT: from numbers in the file to indices, and from those to file names."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Sequence

from ovis_jax.formats.errors import InputError
from ovis_jax.tools.converters.clips import Sources
from ovis_jax.tools.converters.cvat_meta import Task
from ovis_jax.tools.converters.cvat_tracks import Track
from ovis_jax.tools.converters.image_header import image_size

_NAME = re.compile("frame_([0-9]{1,15})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Numbering:
    """Numbers of the frames of a video.

    Attributes:
      first: number of the first frame.
      step: to the next frame's number.
      length: number of frames.
    """

    first: int
    step: int
    length: int

    @property
    def numbers(self) -> range:
        """Of all frames."""
        return range(self.first, self.first + self.step * self.length, self.step)

    def fits(self, tracks: Sequence[Track]) -> bool:
        """Whether all tracks are visible in frames of the video alone."""
        return all(e.frame in self.numbers for t in tracks for e in t.entries if e.visible)

    def placed(self, track: Track) -> Track:
        """The track with indices of frames; entries that close it outside the video are dropped.

        Raises:
          InputError: the track is visible where there is no frame.
        """
        entries = []
        for entry in track.entries:
            if entry.frame in self.numbers:
                index = (entry.frame - self.first) // self.step
                entries.append(dataclasses.replace(entry, frame=index))
            elif entry.visible:
                raise InputError(
                    f"{track.where}, frame {entry.frame}: frame: expected {self._shown()}"
                )
        return dataclasses.replace(track, entries=entries)

    def _shown(self) -> str:
        between = "to" if self.step == 1 else f"in steps of {self.step} to"
        return f"{self.first} {between} {self.numbers[-1]}"


def numberings(tasks: Sequence[Task], tracks: Sequence[Sequence[Track]]) -> list[Numbering]:
    """How the frames of each task are numbered: as CVAT does it, or else as others do.

    Others count from the start of the task, or from 0 without steps. All tasks of a file are
    numbered in the same way.

    Args:
      tasks: of a file.
      tracks: of each task.
    """
    ways: list[Callable[[Task], Numbering]] = [
        lambda task: Numbering(task.start + task.offset, task.step, task.length),
        lambda task: Numbering(task.start, task.step, task.length),
        lambda task: Numbering(task.start + task.job_start, task.step, task.length),
        lambda task: Numbering(0, task.step, task.length),
        lambda task: Numbering(0, 1, task.length),
    ]
    for way in ways:
        found = [way(task) for task in tasks]
        if all(n.fits(inside) for n, inside in zip(found, tracks, strict=True)):
            return found
    return [ways[0](task) for task in tasks]


@dataclasses.dataclass(frozen=True)
class Frames:
    """The frames of a video that are used.

    Attributes:
      names: of their files, relative to the folder of all frames.
      indices: of those frames in the task; others were deleted.
    """

    names: Sequence[str]
    indices: Sequence[int]


def frames_of(
    task: Task, numbering: Numbering, deleted: Sequence[int], sources: Sources, where: str
) -> Frames:
    """Names of frames: those of the images, or of CVAT's own exports if there are none.

    Images may lack frames that were deleted. There may be more images than the task, or job, uses
    of its video: then its frame numbers count images.

    Args:
      task: whose video it is.
      numbering: of its frames.
      deleted: indices of frames without any track.
      sources: may have the images.
      where: names the file.

    Raises:
      InputError: the number of images is another than that of frames.
    """
    everything = range(task.length)
    if sources.images is None:
        name = task.names[0]
        return Frames([f"{name}/frame_{n:06d}.jpg" for n in numbering.numbers], everything)
    folder = next((n for n in task.names if (sources.images / n).is_dir()), task.names[0])
    images = sources.frames_of(folder)
    if len(images) == task.length:
        return Frames(images, everything)
    where_images = sources.images / folder
    by_number = _by_number(images, numbering)
    if by_number:
        left_out = task.length - len(by_number)
        if left_out:
            sources.note(f"{where_images}: frames of {left_out} missing images are left out")
        return Frames(list(by_number.values()), list(by_number))
    kept = sorted(set(everything) - set(deleted))
    if len(images) == len(kept):
        sources.note(f"{where_images}: {len(deleted)} deleted frames have no images, left out")
        return Frames(images, kept)
    is_part = task.is_job or numbering.first > 0 or numbering.step > 1
    if is_part and len(images) > numbering.numbers[-1]:
        sources.note(
            f"{where_images}: of {len(images)} images those are taken whose place, from 0, "
            f"is a frame number of {where}"
        )
        return Frames([images[number] for number in numbering.numbers], everything)
    raise InputError(f"{where_images}: {len(images)} images, {where} has {task.length} frames")


def frame_size(task: Task, frames: Frames, sources: Sources, where: str) -> tuple[int, int]:
    """Width and height: those of the task, or of the images where it has none.

    Raises:
      InputError: neither is known, or the images differ.
    """
    if task.size:
        return task.size
    if sources.images is None:
        raise InputError(
            f"{where}: original_size: missing, as in tasks made of images; give their folder with "
            f"--images, frames in {task.names[0]} inside it"
        )
    first = image_size(sources.images / frames.names[0])
    for name in frames.names[1:]:
        size = image_size(sources.images / name)
        if size != first:
            raise InputError(
                f"{sources.images / name}: {size[0]}x{size[1]} pixels, the first frame of the "
                f"video has {first[0]}x{first[1]}"
            )
    return first


def _by_number(images: Sequence[str], numbering: Numbering) -> dict[int, str]:
    """Images by the index of their frame, if all are named by numbers as CVAT names them."""
    matches = [_NAME.fullmatch(pathlib.PurePath(image).stem) for image in images]
    if not all(matches):
        return {}
    found = {int(match.group(1)): image for match, image in zip(matches, images, strict=True)}
    return {
        index: found[number] for index, number in enumerate(numbering.numbers) if number in found
    }
