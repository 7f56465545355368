"""labelme: a JSON file for each frame, in a folder for each video.

A shape is an area with the name of its category as label; `group_id` tells objects of a category
apart, in one frame and over the frames. Shapes with the same label and group are parts of one
object. An occlusion level is a flag of the shape.
"""

from __future__ import annotations

import pathlib
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence

from tqdm import tqdm

from ovis_jax.converters.clips import Clip, annotations_of, numbered
from ovis_jax.converters.labelme_frame import FILE_NAME, LabelmeFrame, read_frame
from ovis_jax.converters.labelme_shapes import mask_shape
from ovis_jax.converters.sources import Sources
from ovis_jax.converters.video_folders import subfolders
from ovis_jax.converters.written_names import WrittenVideo, numbering_note, written_videos
from ovis_jax.formats.annotations import Annotations, Instance, Video
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError

_VERSION = "5.4.1"  # of labelme, whose files look like this

Frames = Mapping[str, LabelmeFrame]  # by the stems of their files


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a folder of files, or a folder of such folders.

    With a folder of images, frames without a file are frames that were not annotated. Shapes that
    are no areas are left out, with a note.

    Raises:
      InputError: something is missing or makes no sense; names file, shape and field.
    """
    videos, labels, skipped = [], set(), Counter()
    for name, files in tqdm(subfolders(path, ".json"), unit="video", disable=None, leave=False):
        images = sources.images and sources.images / name
        frames = {file.stem: read_frame(file, images) for file in files}
        videos.append((name, frames))
        for frame in frames.values():
            labels |= {label for label, _ in frame.objects}
            skipped.update(frame.skipped)
    if skipped:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(skipped.items()))
        sources.note(f"shapes that are no areas are left out: {kinds}")
    _note_ungrouped(videos, sources)
    ids = sources.category_ids(sorted(labels), path)
    clips = [_clip(path, name, frames, sources, ids) for name, frames in videos]
    _note_partial(path, clips, sources)
    return annotations_of(clips, sources.categories or numbered(ids or {"object": 1}), path)


def write(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes `path`/video/frame.json of each annotated frame, with a mask shape for each object.

    Returns:
      What was lost or is otherwise than one may expect.
    """
    names = {category.id: category.name for category in annotations.categories}
    written = written_videos(annotations)
    for place in tqdm(written, unit="video", disable=None, leave=False):
        objects = [i for i in annotations.instances_of(place.video.id) if not i.iscrowd]
        image_fields = _image_fields(place)
        annotated = place.video.is_annotated()
        for frame, stem in enumerate(place.stems):
            if not annotated[frame]:
                continue
            shapes = [
                shape
                for group, instance in enumerate(objects, start=1)
                for shape in _shapes(instance, frame, names[instance.category_id], group)
            ]
            document = _document(place.video, shapes) | image_fields[frame]
            write_json(path / place.folder / f"{stem}.json", document)
    crowds = any(instance.iscrowd for instance in annotations.instances)
    partial = any(video.annotated_frames is not None for video in annotations.videos)
    note = "frames that are not annotated have no file; --images gives them back when it is read"
    return ["crowds are not kept"] * crowds + [note] * partial + numbering_note(written, ".json")


def _document(video: Video, shapes: list[dict]) -> dict:
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": None,
        "imageData": None,
        "imageHeight": video.height,
        "imageWidth": video.width,
    }


def _image_fields(place: WrittenVideo) -> list[dict]:
    """Path of each image, from the folder of the file; and the name where that is not enough."""
    names = place.video.file_names
    bare = [posixpath.basename(name) for name in names]
    if place.told_by([f"{place.folder}/{image}" for image in bare]):
        return [{"imagePath": image} for image in bare]
    return [
        {
            "imagePath": name if posixpath.isabs(name) else posixpath.relpath(name, place.folder),
            FILE_NAME: name,
        }
        for name in names
    ]


def _shapes(instance: Instance, frame: int, label: str, group: int) -> list[dict]:
    """The shape of an object, if it can be seen."""
    mask = instance.mask(frame)
    shape = None if mask is None else mask_shape(mask)
    if shape is None:
        return []
    level = instance.occlusion[frame] if instance.occlusion else None
    flags = {level: True} if level else {}
    return [{"label": label, "group_id": group, "description": "", "flags": flags} | shape]


def _clip(
    path: pathlib.Path, name: str, frames: Frames, sources: Sources, ids: dict[str, int]
) -> Clip:
    """A video; its frames are those of its files, and of its images if they are known."""
    names, stems = _names_and_stems(name, frames, sources)
    first = next(iter(frames.values()))
    clip = Clip(names, first.width, first.height)
    annotated = [number for number, stem in enumerate(stems) if stem in frames]
    if len(annotated) < len(stems):
        clip.annotated = annotated
    for number, stem in enumerate(stems):
        frame = frames.get(stem)
        if frame is None:
            continue
        if (frame.width, frame.height) != (clip.width, clip.height):
            raise InputError(f"{path}: {name}/{stem}: another size than the video's first frame")
        for key, (segmentation, level) in frame.objects.items():
            clip.add(key, ids[key[0]], number, segmentation, occlusion=level)
    return clip


def _note_partial(path: pathlib.Path, clips: Sequence[Clip], sources: Sources) -> None:
    """Notes frames that are not annotated."""
    partial = [clip for clip in clips if clip.annotated is not None]
    if partial:
        frames = sum(len(clip.file_names) for clip in partial)
        lacking = frames - sum(len(clip.annotated) for clip in partial)
        sources.note(
            f"{path}: {lacking} of {frames} frames, in {len(partial)} of {len(clips)} videos, have "
            "no file and are taken as not annotated; a file without shapes says that there is no "
            "object"
        )


def _note_ungrouped(videos: Sequence[tuple[str, Frames]], sources: Sources) -> None:
    """Notes labels without a group in several frames, where nothing says it is the same object."""
    found = []
    for name, frames in videos:
        counts = Counter(key for frame in frames.values() for key in frame.objects)
        found += [
            (name, label) for (label, group), count in counts.items() if group is None and count > 1
        ]
    if found:
        name, label = found[0]
        sources.note(
            f"{len(found)} labels without group_id (first {label!r} in {name}) are taken as one "
            f"object each in all frames of their video"
        )


def _names_and_stems(folder: str, frames: Frames, sources: Sources) -> tuple[list[str], list[str]]:
    """Name of every frame of a video, and stem of its file, if it has one."""
    stems, recorded = list(frames), [frame.file_name for frame in frames.values()]
    if sources.images is None:
        named = zip(recorded, _guessed_names(folder, frames, sources), strict=True)
        return [name or guess for name, guess in named], stems
    names = sources.frame_names(folder, stems, recorded)  # raises if one is missing
    if any(recorded):  # then every frame has a file
        return names, stems
    names = sources.image_names(folder)
    return names, [pathlib.PurePosixPath(name).stem for name in names]


def _guessed_names(folder: str, frames: Frames, sources: Sources) -> list[str]:
    """The image of each file, in the folder of the video; elsewhere if that tells them apart.

    Where images do not tell files apart, since files were copied or renamed, the files do.
    """
    images = [frame.image or pathlib.PurePath(f"{stem}.jpg") for stem, frame in frames.items()]
    recorded = any(frame.file_name for frame in frames.values())
    if len(set(images)) < len(images) and not recorded:
        twice = next(image for image in images if images.count(image) > 1)
        sources.note(
            f"{folder}: several files have the imagePath {str(twice)!r}; the frames of this video "
            f"are named like the files"
        )
        images = [
            image.with_name(f"{stem}{image.suffix}")
            for stem, image in zip(frames, images, strict=True)
        ]
    bare = [f"{folder}/{image.name}" for image in images]
    whole = [posixpath.normpath(f"{folder}/{image.as_posix()}") for image in images]
    inside = not any(image.is_absolute() or image.drive for image in images)
    inside = inside and not any(name.startswith("../") for name in whole)
    return whole if inside and len(set(bare)) < len(set(whole)) == len(whole) else bare
