"""Tracks of CVAT: what is where, in which frame of the video.

CVAT writes an entry for every frame from where a track becomes visible to where it is `outside`. It
writes none for frames that were deleted in the task, whatever it says of a track there. The entry
that closes a shape (an object of one frame) is missing where the next frame is the last one, and in
all tasks of a project but the first; exports of 2020 have closing entries behind the last frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from ovis_jax.converters.cvat_fields import text_field, whole_field
from ovis_jax.converters.cvat_files import CvatFile
from ovis_jax.converters.cvat_meta import Task, labels_of
from ovis_jax.formats.errors import InputError

_REPAIR = (
    "key frames alone are not enough: import the file into CVAT and export it again, "
    "which writes every frame"
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a track looks like in a frame.

    Attributes:
      frame: number in the file; of an entry of a `Track` in a video, the index of the frame.
      visible: it is not `outside`.
      shape: element.
    """

    frame: int
    visible: bool
    shape: Element


@dataclasses.dataclass(frozen=True)
class Track:
    """An object, or a part of one, as the file has it.

    Attributes:
      where: file and number, for messages.
      task_id: of its task in a project, or None.
      label: name of its category.
      group: tracks of one label and group are one object; "0" is none.
      element: of the track.
      entries: in the order of frames.
    """

    where: str
    task_id: str | None
    label: str
    group: str
    element: Element
    entries: Sequence[Entry]


def tracks_of(file: CvatFile) -> list[Track]:
    """All tracks of a file.

    Raises:
      InputError: a track has no label, an entry no frame, or two entries have the same.
    """
    declared = labels_of(file)
    found = enumerate(file.root.iterfind("track"))
    return [_track(element, f"{file.where}: track {n}", declared) for n, element in found]


def tracks_in(task: Task, tasks: Sequence[Task], tracks: Iterable[Track]) -> list[Track]:
    """The tracks of one task; those that name none belong to it if it is the only one."""
    return [
        track
        for track in tracks
        if track.task_id == task.id or (len(tasks) == 1 and track.task_id is None)
    ]


def check_tasks(tasks: Sequence[Task], tracks: Iterable[Track]) -> None:
    """Raises InputError if a track of a project belongs to none of its tasks."""
    ids = {task.id for task in tasks}
    for track in tracks:
        if len(tasks) > 1 and track.task_id is None:
            raise InputError(f"{track.where}: task_id: missing, since there are several tasks")
        if track.task_id is not None and track.task_id not in ids:
            raise InputError(f"{track.where}: task_id: no task has the id {track.task_id[:40]!r}")


def deleted_frames(tracks: Sequence[Track]) -> list[int]:
    """Frames that tracks pass over, since they were deleted in CVAT.

    They are told from frames between key frames, which a file of key frames alone lacks: no track
    is there, and tracks are there from frame to frame elsewhere.

    Args:
      tracks: of one video, whose entries have indices of frames.

    Returns:
      Indices of frames.

    Raises:
      InputError: the file seems to hold key frames alone.
    """
    there = {entry.frame for track in tracks for entry in track.entries if entry.visible}
    missing: set[int] = set()
    first_gap = None
    for track in tracks:
        for one, other in zip(track.entries, track.entries[1:], strict=False):
            gap = range(one.frame + 1, other.frame) if one.visible else range(0)
            if any(frame in there for frame in gap):
                raise _gap_error(track, one, other)
            if gap:
                first_gap = first_gap or (track, one, other)
                missing.update(gap)
    if first_gap and not (_interpolated(tracks) or _dense(tracks, len(missing))):
        raise _gap_error(*first_gap)
    return sorted(missing)


def ends_early(track: Track, length: int) -> bool:
    """Whether a track is visible to its last entry, and that is not where CVAT leaves it open.

    It leaves shapes open whose next frame is the last one.
    """
    last = track.entries[-1] if track.entries else None
    if last is None or not last.visible or last.frame == length - 1:
        return False
    return len(track.entries) > 1 or last.frame < length - 2


def _track(element: Element, where: str, declared: dict[str, str]) -> Track:
    label = text_field(element, "label", where)
    shapes = [shape for shape in element if shape.tag != "attribute"]
    entries = sorted((_entry(s, where) for s in shapes), key=lambda entry: entry.frame)
    return Track(
        where=where,
        task_id=element.get("task_id"),
        label=declared.get(label, label),
        group=element.get("group_id", "0").strip() or "0",
        element=element,
        entries=_one_for_each_frame(entries, where),
    )


def _one_for_each_frame(entries: Sequence[Entry], where: str) -> list[Entry]:
    """The entries without those that close a track again, which CVAT has written."""
    kept = list(entries[:1])
    for entry in entries[1:]:
        if entry.frame != kept[-1].frame:
            kept.append(entry)
        elif entry.visible or kept[-1].visible:
            raise InputError(f"{where}, frame {entry.frame}: two entries, expected one")
    return kept


def _entry(shape: Element, where: str) -> Entry:
    frame = whole_field(shape, "frame", where)
    # Skeletons of CVAT have no `outside` of their own, only their points do.
    if shape.tag == "skeleton" and shape.get("outside") is None:
        return Entry(frame, any(point.get("outside") != "1" for point in shape), shape)
    return Entry(frame, shape.get("outside") != "1", shape)


def _interpolated(tracks: Iterable[Track]) -> bool:
    """Whether entries between key frames are there."""
    return any(entry.shape.get("keyframe") == "0" for track in tracks for entry in track.entries)


def _dense(tracks: Sequence[Track], num_missing: int) -> bool:
    """Whether most frames are there, and some track is in two frames that follow each other."""
    frames = {entry.frame for track in tracks for entry in track.entries if entry.visible}
    follows = any(
        one.visible and other.visible and other.frame == one.frame + 1
        for track in tracks
        for one, other in zip(track.entries, track.entries[1:], strict=False)
    )
    return follows and num_missing < len(frames)


def _gap_error(track: Track, one: Entry, other: Entry) -> InputError:
    return InputError(
        f"{track.where}, frame {other.frame}: expected an entry for frame {one.frame + 1} "
        f"before it; {_REPAIR}"
    )
