"""Writes CVAT for video 1.1: a file for each video, with a track for each object.

Masks are polygons, since CVAT 2 makes a shape of one frame of a track of masks. A polygon of
several parts is one outline, joined by lines that are gone there and back.
"""

from __future__ import annotations

import pathlib
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from tqdm import tqdm

from ovis_jax.converters.outlines import joined, outlines
from ovis_jax.converters.written_names import video_names
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations, Category, Instance, Video
from ovis_jax.formats.atomic import write_text

OCCLUSION_ATTRIBUTE = "occlusion"


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
    for field, value in (
        ("id", video.id),
        ("name", name),
        ("size", video.length),
        ("mode", "interpolation"),
        ("overlap", 0),
        ("start_frame", 0),
        ("stop_frame", video.length - 1),
        ("frame_filter", ""),
    ):
        SubElement(task, field).text = str(value)
    labels = SubElement(task, "labels")
    for category in categories:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = category.name
        attribute = SubElement(SubElement(label, "attributes"), "attribute")
        for field, value in (
            ("name", OCCLUSION_ATTRIBUTE),
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
    SubElement(polygon, "attribute", name=OCCLUSION_ATTRIBUTE).text = level or "unlabelled"
    return polygon
