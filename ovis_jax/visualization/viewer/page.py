"""Writes the page: data, style and program in one file that needs nothing else.

What it shows is a JSON object in it, which `viewer.js` draws. Frames are JPEG, masks run lengths.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import importlib.resources
import itertools
import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotation_records import Instance, Video
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.atomic import open_atomic
from ovis_jax.visualization.colors import LEVEL_COLORS, identity_color
from ovis_jax.visualization.identities import shared_identities
from ovis_jax.visualization.overlays import FRAMES_PER_SECOND
from ovis_jax.visualization.viewer.errors import find_errors

_LONGEST = 640  # pixels of the longer side of a frame on the page
_QUALITY = 80  # of its JPEG
MOST_FRAMES = 1000
"""Of a video on the page; of a longer one every second, every third and so on."""
_PARTS = ("viewer.html", "viewer.css", "rle.js", "drawing.js", "viewer.js")


@dataclasses.dataclass(frozen=True)
class Systems:
    """What is shown.

    Attributes:
      annotations: ground truth, or videos and categories alone.
      records: entries of results.json by the name of each system; perhaps of none.
      min_score: records below it are left out.
    """

    annotations: Annotations
    records: Mapping[str, Sequence[dict]]
    min_score: float

    def names(self) -> dict[int, str]:
        """Names of the categories by id."""
        return {category.id: category.name for category in self.annotations.categories}

    def shown(self, name: str, video: Video) -> list[dict]:
        """The records of a system in a video, the surest last."""
        own = [
            record
            for record in self.records[name]
            if record["video_id"] == video.id and record["score"] >= self.min_score
        ]
        return sorted(own, key=lambda record: record["score"])


def write_page(
    path: pathlib.Path, title: str, systems: Systems, videos: Sequence[dict[str, Any]]
) -> None:
    """Writes the page.

    Args:
      path: of the page.
      title: heading.
      systems: what is shown.
      videos: of `video_data`.
    """
    levels = [
        {"id": level, "name": level.replace("_", " "), "color": _hex(color)}
        for level, color in LEVEL_COLORS.items()
    ]
    data = {
        "categories": [{"id": number, "name": name} for number, name in systems.names().items()],
        "levels": levels,
        "systems": [*systems.records],
        "min_score": systems.min_score,
        "videos": videos,
    }
    # Nothing in it can end the element that holds it.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    page, style, *programs = (_part(name) for name in _PARTS)
    filled = {
        "{{title}}": html.escape(title),
        "{{style}}": style,
        "{{program}}": "\n".join(programs),
        "{{data}}": text,
    }
    with open_atomic(path) as file:
        for piece in re.split(r"({{\w+}})", page):
            file.write(filled.get(piece, piece))


def video_data(systems: Systems, video: Video, images: Iterable[np.ndarray]) -> dict[str, Any]:
    """What the page holds of a video; of its frames one is in memory at a time.

    Args:
      systems: what is shown.
      video: of the annotations.
      images: its frames, [h, w, 3] uint8 RGB.
    """
    width, height = shown_size(video)
    step = -(-video.length // MOST_FRAMES)
    has_truth = systems.annotations.has_ground_truth
    instances = systems.annotations.instances_of(video.id) if has_truth else []
    names = systems.names()
    panels = []
    if has_truth:
        tracks = [_true_track(own, k, names, (width, height)) for k, own in enumerate(instances)]
        panels.append({"name": "ground truth", "truth": True, "tracks": tracks, "errors": []})
    truth = [[own.rle(frame) for frame in range(video.length)] for own in instances]
    for name in systems.records:
        records = systems.shown(name, video)
        identities = shared_identities(truth, [own["segmentations"] for own in records])
        tracks = [
            _track(own, identity, names, (width, height))
            for own, identity in zip(records, identities, strict=True)
        ]
        errors = find_errors(video, instances, records, names) if has_truth else []
        found = [dataclasses.asdict(error) for error in errors]
        panels.append({"name": name, "truth": False, "tracks": tracks, "errors": found})
    folder = pathlib.PurePath(video.file_names[0]).parent if video.file_names else ""
    return {
        "id": video.id,
        "title": f"video {video.id} ({folder})",
        "width": width,
        "height": height,
        "length": len(range(0, video.length, step)),
        "step": step,
        "rate": FRAMES_PER_SECOND / step,
        "frames": [_jpeg(x, width, height) for x in itertools.islice(images, 0, None, step)],
        "panels": [_thinned(panel, step) for panel in panels],
    }


def _thinned(panel: dict[str, Any], step: int) -> dict[str, Any]:
    """Every `step`th frame of a panel; errors are in the frame before them that is left."""
    tracks = [
        own | {"masks": own["masks"][::step], "levels": own["levels"] and own["levels"][::step]}
        for own in panel["tracks"]
    ]
    errors = [
        own | {"first": own["first"] // step, "last": own["last"] // step}
        for own in panel["errors"]
    ]
    return panel | {"tracks": tracks, "errors": errors}


def shown_size(video: Video) -> tuple[int, int]:
    """(width, height) of its frames on the page: at most 640 pixels long."""
    factor = min(1.0, _LONGEST / max(video.width, video.height))
    return max(1, round(video.width * factor)), max(1, round(video.height * factor))


def _true_track(
    instance: Instance, number: int, names: Mapping[int, str], size: tuple[int, int]
) -> dict[str, Any]:
    masks = [instance.rle(frame) for frame in range(len(instance.segmentations))]
    crowd = ", crowd" if instance.iscrowd else ""
    return {
        "label": f"{names[instance.category_id]} (id {instance.id}{crowd})",
        "category": instance.category_id,
        "score": None,
        "color": _hex(identity_color(number)),
        "levels": None if instance.occlusion is None else [*instance.occlusion],
        "masks": [_counts(mask, size) for mask in masks],
    }


def _track(
    record: dict, identity: int, names: Mapping[int, str], size: tuple[int, int]
) -> dict[str, Any]:
    return {
        "label": f"{names[record['category_id']]} {record['score']:.2f}",
        "category": record["category_id"],
        "score": record["score"],
        "color": _hex(identity_color(identity)),
        "levels": None,
        "masks": [_counts(mask, size) for mask in record["segmentations"]],
    }


def _counts(mask: dict | None, size: tuple[int, int]) -> str | None:
    """A compressed mask in the size of the page; None where nothing of it is left."""
    if mask is None or not rle.area([mask])[0]:
        return None
    if tuple(mask["size"]) == size[::-1]:
        return mask["counts"]
    small = cv2.resize(rle.decode(mask), size, interpolation=cv2.INTER_NEAREST)
    return rle.encode(small)["counts"] if small.any() else None


def _jpeg(image: np.ndarray, width: int, height: int) -> str:
    """A frame as an address that holds it."""
    if image.shape[:2] != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")


def _hex(color: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _part(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text("utf-8")
