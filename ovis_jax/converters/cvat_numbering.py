"""Numbers of frames in files of CVAT, and which frames of the video they mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from ovis_jax.converters.cvat_meta import Task
from ovis_jax.converters.cvat_tracks import Track
from ovis_jax.formats.errors import InputError


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
