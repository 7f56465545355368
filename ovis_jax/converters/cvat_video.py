"""CVAT for video 1.1: an XML file for each video, with a track for each object.

A track has an entry in every frame from where it becomes visible to where it is `outside`, as CVAT
exports it; entries are polygons or masks. A polygon of several parts is one outline, joined by
lines that are gone there and back. Occlusion levels are the attribute `occlusion`. The format knows
no file names: without a folder of images, frames are called `<video>/frame_000000.jpg` and so on.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from tqdm import tqdm

from ovis_jax.converters.clips import (
    Clip,
    Sources,
    annotations_of,
    numbered,
    video_names,
)
from ovis_jax.converters.outlines import joined, outlines
from ovis_jax.converters.safe_xml import read_xml
from ovis_jax.formats import rle
from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations, Category, Instance, Video
from ovis_jax.formats.atomic import write_text
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import shown

_ATTRIBUTE = "occlusion"
_DIGITS = re.compile("[0-9]{1,9}")


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a file, or a folder of files: the name of a file is that of its video.

    Raises:
      InputError: something is missing or makes no sense; names file, track, frame and field.
    """
    files = sorted(path.glob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: no .xml file")
    roots = [read_xml(file) for file in files]
    labels = [name for root, file in zip(roots, files, strict=True) for name in _labels(root, file)]
    ids = sources.category_ids(labels, path)
    clips = [_clip(root, file, sources, ids) for root, file in zip(roots, files, strict=True)]
    return annotations_of(clips, sources.categories or numbered(ids or {"object": 1}), path)


def write(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes `path`/video.xml.

    Returns:
      What was lost.
    """
    names = video_names(annotations.videos)
    progress = tqdm(annotations.videos, unit="video", disable=None, leave=False)
    for video, name in zip(progress, names, strict=True):
        root = Element("annotations")
        SubElement(root, "version").text = "1.1"
        root.append(_meta(video, name, annotations.categories))
        labels = {category.id: category.name for category in annotations.categories}
        objects = [i for i in annotations.instances_of(video.id) if not i.iscrowd]
        for number, instance in enumerate(objects):
            root.append(_track(instance, number, labels[instance.category_id]))
        ElementTree.indent(root)
        text = ElementTree.tostring(root, encoding="unicode")
        write_text(path / f"{name}.xml", f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')
    lost = ["names of frames are not kept"]
    return lost + ["crowds are not kept"] * any(i.iscrowd for i in annotations.instances)


def _meta(video: Video, name: str, categories: tuple[Category, ...]) -> Element:
    meta = Element("meta")
    task = SubElement(meta, "task")
    for field, value in (("name", name), ("size", video.length), ("mode", "interpolation")):
        SubElement(task, field).text = str(value)
    labels = SubElement(task, "labels")
    for category in categories:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = category.name
        attribute = SubElement(SubElement(label, "attributes"), "attribute")
        for field, value in (
            ("name", _ATTRIBUTE),
            ("mutable", "True"),
            ("input_type", "select"),
            ("default_value", "unlabelled"),
            ("values", "\n".join(["unlabelled", *OCCLUSION_LEVELS])),
        ):
            SubElement(attribute, field).text = value
    size = SubElement(task, "original_size")
    SubElement(size, "width").text = str(video.width)
    SubElement(size, "height").text = str(video.height)
    return meta


def _track(instance: Instance, number: int, label: str) -> Element:
    track = Element("track", id=str(number), label=label, source="manual")
    points = None
    for frame in range(len(instance.segmentations)):
        mask = instance.mask(frame)
        parts = [] if mask is None else outlines(mask)
        if parts:
            points = ";".join(f"{x},{y}" for x, y in joined(parts))
            level = instance.occlusion[frame] if instance.occlusion else None
            track.append(_polygon(frame, points, level, outside=False))
        elif points is not None:
            track.append(_polygon(frame, points, None, outside=True))
            points = None
    return track


def _polygon(frame: int, points: str, level: str | None, *, outside: bool) -> Element:
    polygon = Element(
        "polygon",
        frame=str(frame),
        points=points,
        outside=str(int(outside)),
        occluded=str(int(level not in (None, OCCLUSION_LEVELS[0]))),
        keyframe="1",
    )
    SubElement(polygon, "attribute", name=_ATTRIBUTE).text = level or "unlabelled"
    return polygon


def _labels(root: Element, file: pathlib.Path) -> list[str]:
    """Declared labels, then those of the tracks."""
    declared = [name.text for name in root.iterfind("meta//labels/label/name") if name.text]
    used = [_field(t, "label", f"{file}: track {i}") for i, t in enumerate(root.iterfind("track"))]
    return list(dict.fromkeys([*declared, *used]))


def _clip(root: Element, file: pathlib.Path, sources: Sources, ids: dict[str, int]) -> Clip:
    width, height, length = (
        _meta_number(root, field, file)
        for field in ("original_size/width", "original_size/height", "size")
    )
    if sources.images is None:
        names = [f"{file.stem}/frame_{frame:06d}.jpg" for frame in range(length)]
    else:
        names = sources.frames_of(file.stem)
        if len(names) != length:
            raise InputError(
                f"{sources.images / file.stem}: {len(names)} images, {file} has {length} frames"
            )
    clip = Clip(names, width, height)
    for number, track in enumerate(root.iterfind("track")):
        where = f"{file}: track {number}"
        category_id = ids[_field(track, "label", where)]
        for frame, entry in _visible(track, length, where):
            mask = _segmentation(entry, height, width, f"{where}, frame {frame}")
            clip.add(number, category_id, frame, mask, occlusion=_level(entry))
    return clip


def _visible(track: Element, length: int, where: str) -> Iterator[tuple[int, Element]]:
    """The entries of a track that are not outside, by frame.

    Raises:
      InputError: an entry is missing or out of order.
    """
    visible, after = False, 0
    for entry in track:
        frame = _whole(entry, "frame", where)
        here = f"{where}, frame {frame}"
        if not 0 <= frame < length:
            raise InputError(f"{here}: frame: expected 0 to {length - 1}")
        if frame < after or (visible and frame > after):
            raise InputError(f"{here}: expected an entry for frame {after} before it")
        visible, after = _field(entry, "outside", here) != "1", frame + 1
        if visible:
            yield frame, entry
    if visible and after < length:
        raise InputError(f"{where}: expected an entry for frame {after}, at least outside")


def _segmentation(entry: Element, height: int, width: int, where: str) -> dict | list:
    """An entry's mask in the form of OVIS."""
    if entry.tag == "mask":
        return _mask(entry, height, width, where)
    if entry.tag != "polygon":
        raise InputError(f"{where}: expected a polygon or a mask, is {shown(entry.tag)}")
    text = _field(entry, "points", where)
    try:
        values = [float(value) for point in text.split(";") for value in point.split(",")]
    except ValueError:
        raise InputError(f"{where}: points: expected x,y;x,y;…, is {shown(text)}") from None
    problem = rle.check_polygons([values])
    if problem:
        raise InputError(f"{where}: points: {problem}")
    return [values]


def _mask(entry: Element, height: int, width: int, where: str) -> dict:
    """Run lengths row by row within a rectangle, zeros first."""
    left, top, columns, rows = (
        _whole(entry, field, where) for field in ("left", "top", "width", "height")
    )
    text = _field(entry, "rle", where)
    try:
        runs = np.array([int(run) for run in text.split(",")])
    except ValueError:
        raise InputError(f"{where}: rle: expected whole numbers, is {shown(text)}") from None
    inside = left >= 0 and top >= 0 and left + columns <= width and top + rows <= height
    if not inside or (runs < 0).any() or runs.sum() != rows * columns:
        raise InputError(f"{where}: rle: does not fill the rectangle, or that is not in the frame")
    mask = np.zeros((height, width), np.uint8)
    values = np.repeat(np.arange(len(runs)) % 2, runs).reshape(rows, columns)
    mask[top : top + rows, left : left + columns] = values
    return rle.encode(mask)


def _level(entry: Element) -> str | None:
    for attribute in entry.iterfind("attribute"):
        if attribute.get("name") == _ATTRIBUTE and attribute.text in OCCLUSION_LEVELS:
            return attribute.text
    return None


def _field(element: Element, name: str, where: str) -> str:
    value = element.get(name)
    if value is None:
        raise InputError(f"{where}: {name}: missing")
    return value


def _whole(element: Element, name: str, where: str) -> int:
    value = _field(element, name, where)
    try:
        return int(value)
    except ValueError:
        raise InputError(f"{where}: {name}: expected a whole number, is {shown(value)}") from None


def _meta_number(root: Element, field: str, file: pathlib.Path) -> int:
    """A number of the description of the task, or of the job."""
    for kind in ("task", "job"):
        text = root.findtext(f"meta/{kind}/{field}")
        if text is not None and _DIGITS.fullmatch(text.strip()) and 1 <= int(text) <= MAX_SIZE:
            return int(text)
    raise InputError(f"{file}: meta/task/{field}: expected a whole number from 1 to {MAX_SIZE}")
