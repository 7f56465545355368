"""CVAT for video 1.1: XML files of tasks, jobs or projects, with a track for each object.

A track has an entry in every frame from where it becomes visible to where it is `outside`, as CVAT
exports it; entries are polygons, masks or ellipses. Tracks of one label and `group_id` are parts of
one object, in one frame or over the frames: CVAT makes a track of every mask that was drawn with
the brush. Occlusion levels are the attribute `occlusion`. The format knows no file names: without a
folder of images, frames are called `<video>/frame_000000.jpg` and so on.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from tqdm import tqdm

from ovis_jax.converters.clips import Clip, annotations_of, numbered
from ovis_jax.converters.cvat_files import CvatFile, read_files
from ovis_jax.converters.cvat_frames import frame_size, frames_of, images_of
from ovis_jax.converters.cvat_meta import Task, labels_of, tasks_of
from ovis_jax.converters.cvat_numbering import Numbering, numberings
from ovis_jax.converters.cvat_objects import add_object, note_groups, objects_of
from ovis_jax.converters.cvat_shapes import unusable
from ovis_jax.converters.cvat_tracks import (
    Track,
    check_tasks,
    deleted_frames,
    ends_early,
    tracks_in,
    tracks_of,
)
from ovis_jax.converters.cvat_writing import write
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.errors import InputError

__all__ = ["read", "write"]
_SHOWN = 10  # frame numbers in a note


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a file or an archive, or a folder of them.

    The name of a file is that of its video; in a project, that of its task.

    Raises:
      InputError: something is missing or makes no sense; names file, track, frame and field.
    """
    files = read_files(path)
    for file in files:
        _check_kind(file)
    tracks = [tracks_of(file) for file in files]
    _check_shapes([track for found in tracks for track in found], sources)
    ids = sources.category_ids(_labels(files, tracks), path)
    clips: dict[str, Clip] = {}
    progress = tqdm(files, unit="file", disable=None, leave=False)
    for file, found in zip(progress, tracks, strict=True):
        for name, clip in _clips(file, found, sources, ids):
            if name in clips:
                raise InputError(f"{file.where}: another file has a video {name!r} too")
            clips[name] = clip
    categories = sources.categories or numbered(ids or {"object": 1})
    return annotations_of(list(clips.values()), categories, path)


def _check_kind(file: CvatFile) -> None:
    """Raises InputError if it was exported for images, where objects have no identity."""
    images = file.root.findall("image")
    if images:
        raise InputError(
            f"{file.where}: this is CVAT for images 1.1 ({len(images)} images), in which objects "
            f"have no identity over frames; export the task again as CVAT for video 1.1"
        )


def _check_shapes(tracks: Sequence[Track], sources: Sources) -> None:
    """Raises InputError if there are shapes that are no masks, or notes that they are skipped."""
    found = unusable(tracks)
    if found is None:
        return
    where, counted = found
    if not sources.skip_shapes:
        raise InputError(
            f"{where}: expected a polygon, a mask or an ellipse, the first of {counted}; draw "
            f"polygons or masks instead, or pass them over with --skip-shapes"
        )
    sources.note(f"{where}: the first of {counted}, which are passed over")


def _labels(files: Sequence[CvatFile], tracks: Sequence[Sequence[Track]]) -> list[str]:
    """Of each file the declared labels, then those of the tracks."""
    return [
        label
        for file, found in zip(files, tracks, strict=True)
        for label in (*labels_of(file).values(), *(track.label for track in found))
    ]


def _clips(
    file: CvatFile, tracks: Sequence[Track], sources: Sources, ids: dict[str, int]
) -> list[tuple[str, Clip]]:
    """Name and objects of each video of a file."""
    tasks = tasks_of(file)
    check_tasks(tasks, tracks)
    inside = [tracks_in(task, tasks, tracks) for task in tasks]
    clips = []
    for task, numbering, own in zip(tasks, numberings(tasks, inside), inside, strict=True):
        clips.append((task.names[0], _clip(task, numbering, own, file, sources, ids)))
    return clips


def _clip(
    task: Task,
    numbering: Numbering,
    tracks: Sequence[Track],
    file: CvatFile,
    sources: Sources,
    ids: dict[str, int],
) -> Clip:
    """A video with its objects."""
    where = f"{file.where}: {task.names[0]}" if task.names[0] != file.name else file.where
    placed = [numbering.placed(track) for track in tracks]
    deleted = deleted_frames(placed)
    images = images_of(task, file, sources)
    frames = frames_of(task, numbering, deleted, images, sources.note)
    clip = Clip(frames.names, *frame_size(task, frames, images, where))
    if set(deleted) & set(frames.indices):
        kept = enumerate(frames.indices)
        clip.annotated = [place for place, index in kept if index not in set(deleted)]
    objects = objects_of(placed)
    for parts in objects:
        add_object(clip, ids[parts[0].label], parts, frames.indices)
    note_groups(objects, sources, where)
    _note_numbers(task, numbering, sources, where)
    _note_missing([numbering.numbers[index] for index in deleted], sources, where)
    _note_ends(placed, task.length, sources, where)
    return clip


def _note_numbers(task: Task, numbering: Numbering, sources: Sources, where: str) -> None:
    if (numbering.first, numbering.step) != (task.start + task.offset, task.step):
        sources.note(
            f"{where}: frames are numbered from {numbering.first} in steps of {numbering.step}, "
            f"where CVAT would write {task.start + task.offset} and {task.step}"
        )


def _note_missing(numbers: Sequence[int], sources: Sources, where: str) -> None:
    if numbers:
        shown = ", ".join(map(str, numbers[:_SHOWN])) + ", …" * (len(numbers) > _SHOWN)
        sources.note(
            f"{where}: no track has an entry for {len(numbers)} frames ({shown}) that tracks pass "
            f"over; they are taken as deleted in CVAT, and as not annotated"
        )


def _note_ends(tracks: Sequence[Track], length: int, sources: Sources, where: str) -> None:
    early = [track for track in tracks if ends_early(track, length)]
    if early:
        sources.note(
            f"{where}: {len(early)} tracks end without an entry that is outside (first "
            f"{early[0].where.rpartition(': ')[2]}); they are visible to their last entry and no "
            f"longer"
        )
