"""labelme: a JSON file for each frame, in a folder for each video.

A shape is a polygon with the name of its category as label; `group_id` tells objects of a category
apart, in one frame and over the frames. Shapes with the same label and group are parts of one
object. An occlusion level is a flag of the shape.
"""

from __future__ import annotations

import pathlib

from tqdm import tqdm

from ovis_jax.converters.clips import (
    Clip,
    Sources,
    annotations_of,
    numbered,
    subfolders,
    video_names,
)
from ovis_jax.converters.outlines import outlines
from ovis_jax.formats import rle
from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations, Instance, Video
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import as_record, list_of, required, shown, whole_number
from ovis_jax.formats.json_stream import open_json

_FIELDS = ("shapes", "imagePath", "imageHeight", "imageWidth")
_VERSION = "5.4.1"  # of labelme, whose files look like this


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a folder of files, or a folder of such folders.

    With a folder of images, frames without a file are frames without objects.

    Raises:
      InputError: something is missing or makes no sense; names file, shape and field.
    """
    videos, labels = [], []
    for name, files in tqdm(subfolders(path, ".json"), unit="video", disable=None, leave=False):
        frames = {file.stem: _frame(file) for file in files}
        videos.append((name, frames))
        labels += [shape["label"] for frame in frames.values() for shape in frame["shapes"]]
    ids = sources.category_ids(sorted(set(labels)), path)
    clips = [_clip(path, name, frames, sources, ids) for name, frames in videos]
    return annotations_of(clips, sources.categories or numbered(ids or {"object": 1}), path)


def write(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes `path`/video/frame.json; the path of the image is the bare file name.

    Returns:
      What was lost.
    """
    names = {category.id: category.name for category in annotations.categories}
    folders = video_names(annotations.videos)
    progress = tqdm(annotations.videos, unit="video", disable=None, leave=False)
    for video, folder in zip(progress, folders, strict=True):
        objects = [i for i in annotations.instances_of(video.id) if not i.iscrowd]
        for frame, file_name in enumerate(video.file_names):
            shapes = [
                shape
                for group, instance in enumerate(objects, start=1)
                for shape in _shapes(instance, frame, names[instance.category_id], group)
            ]
            image = pathlib.PurePosixPath(file_name)
            write_json(path / folder / f"{image.stem}.json", _document(video, image.name, shapes))
    crowds = any(instance.iscrowd for instance in annotations.instances)
    return ["crowds are not kept"] if crowds else []


def _document(video: Video, image: str, shapes: list[dict]) -> dict:
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image,
        "imageData": None,
        "imageHeight": video.height,
        "imageWidth": video.width,
    }


def _shapes(instance: Instance, frame: int, label: str, group: int) -> list[dict]:
    """A shape for each part of an object."""
    mask = instance.mask(frame)
    if mask is None:
        return []
    level = instance.occlusion[frame] if instance.occlusion else None
    return [
        {
            "label": label,
            "points": polygon,
            "group_id": group,
            "description": "",
            "shape_type": "polygon",
            "flags": {level: True} if level else {},
        }
        for polygon in outlines(mask)
    ]


def _frame(file: pathlib.Path) -> dict:
    """A checked file."""
    parts = {}
    with open_json(file) as stream:
        if stream.peek() != "{":
            raise InputError(f"{file}: expected an object with shapes")
        for key in stream.members():
            if key in _FIELDS:  # and not the image itself, which may be there too
                parts[key] = stream.value()
        stream.end()
    for field in ("imageHeight", "imageWidth"):
        whole_number(parts, field, str(file), minimum=1, maximum=MAX_SIZE)
    alone = set()
    for number, shape in enumerate(list_of(parts, "shapes", str(file))):
        where = f"{file}: shapes[{number}]"
        _check_shape(shape, where)
        if shape.get("group_id") is None:
            if shape["label"] in alone:
                raise InputError(
                    f"{where}: group_id: expected the number of the object, since there are "
                    f"several shapes {shape['label']!r}; is null"
                )
            alone.add(shape["label"])
    return parts


def _check_shape(shape: object, where: str) -> None:
    """Raises InputError unless it is a polygon with a label."""
    shape = as_record(shape, where)
    if not isinstance(required(shape, "label", where), str):
        raise InputError(f"{where}: label: expected a string, is {shown(shape['label'])}")
    kind = shape.get("shape_type", "polygon")
    if kind != "polygon":
        raise InputError(f"{where}: shape_type: expected polygon, is {shown(kind)}")
    problem = rle.check_polygons([_flat(list_of(shape, "points", where), where)])
    if problem:
        raise InputError(f"{where}: points: {problem}")
    as_record(shape.get("flags") or {}, f"{where}: flags")
    if shape.get("group_id") is not None:
        whole_number(shape, "group_id", where)


def _clip(
    path: pathlib.Path, name: str, frames: dict[str, dict], sources: Sources, ids: dict[str, int]
) -> Clip:
    """A video; its frames are those of its files, and of its images if they are known."""
    stems = list(frames)
    if sources.images is not None:
        images = sources.frames_of(name)
        sources.frame_names(name, stems)  # raises if one is missing
        stems = [pathlib.PurePath(image).stem for image in images]
    else:
        images = [f"{name}/{_image_name(frames[stem], stem)}" for stem in stems]
    first = next(iter(frames.values()))
    clip = Clip(images, first["imageWidth"], first["imageHeight"])
    for frame, stem in enumerate(stems):
        if stem not in frames:
            continue
        document = frames[stem]
        if (document["imageWidth"], document["imageHeight"]) != (clip.width, clip.height):
            raise InputError(f"{path}: {name}/{stem}: another size than the video's first frame")
        objects: dict[tuple, list[dict]] = {}
        for shape in document["shapes"]:
            objects.setdefault((shape["label"], shape.get("group_id")), []).append(shape)
        for key, shapes in objects.items():
            polygons = [_flat(shape["points"], "") for shape in shapes]
            clip.add(key, ids[key[0]], frame, polygons, occlusion=_level(shapes[0]))
    return clip


def _image_name(document: dict, stem: str) -> str:
    """The bare name of the image, whatever system its path was written on."""
    image = document.get("imagePath")
    return pathlib.PureWindowsPath(image).name if isinstance(image, str) else f"{stem}.jpg"


def _level(shape: dict) -> str | None:
    flags = shape.get("flags") or {}
    return next((level for level in OCCLUSION_LEVELS if flags.get(level)), None)


def _flat(points: list, where: str) -> list:
    """x1, y1, x2, y2, … of a list of points."""
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise InputError(f"{where}: points: expected a list of x, y pairs")
    return [value for point in points for value in point]
