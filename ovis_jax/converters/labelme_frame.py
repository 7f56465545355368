"""One file of labelme: checked, with the areas of its objects and the size of its image."""

from __future__ import annotations

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Iterator, Mapping

from ovis_jax.converters.labelme_shapes import (
    NO_AREA,
    Part,
    kind_of,
    part_of,
    united,
)
from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import as_record, list_of, required, shown, whole_number
from ovis_jax.formats.frame_names import IMAGE_SUFFIXES
from ovis_jax.formats.image_size import base64_size, image_size
from ovis_jax.formats.json_stream import open_json

FILE_NAME = "ovis_file_name"  # a field of this repository, which labelme keeps
_FIELDS = ("shapes", "imagePath", "imageHeight", "imageWidth", "imageData", FILE_NAME)
_SIDES = ("imageWidth", "imageHeight")


@dataclasses.dataclass(frozen=True)
class LabelmeFrame:
    """What a file says.

    Attributes:
      width: of the image; likewise `height`.
      height: see `width`.
      image: its path as the file has it, with slashes; None if it has none.
      file_name: of the frame, if this repository wrote the file and kept it; or None.
      objects: segmentation and occlusion level by label and group.
      skipped: how many shapes of each type are no areas.
    """

    width: int
    height: int
    image: pathlib.PurePath | None
    file_name: str | None
    objects: Mapping[tuple[str, int | None], tuple[list | dict, str | None]]
    skipped: Mapping[str, int]


def read_frame(file: pathlib.Path, images: pathlib.Path | None) -> LabelmeFrame:
    """Reads a file.

    Args:
      file: its path.
      images: folder of the images of the video; or None.

    Raises:
      InputError: something is missing or makes no sense; names file, shape and field.
    """
    fields = _fields(file)
    image, name = fields.get("imagePath"), fields.get(FILE_NAME)
    image = pathlib.PureWindowsPath(image) if isinstance(image, str) else None  # or any other's
    image = image if image and image.name else None
    shapes = list(_shapes(fields, file))
    width, height = _size(fields, file, image, images)
    skipped: Counter[str] = Counter()
    parts: dict[tuple, list[Part]] = {}
    levels: dict[tuple, str | None] = {}
    for where, shape in shapes:
        if kind_of(shape) in NO_AREA:
            skipped[kind_of(shape)] += 1
            continue
        key = _key(shape, parts, where)
        parts.setdefault(key, []).append(part_of(shape, width, height, where))
        levels.setdefault(key, _level(shape, where))
    objects = {key: (united(parts[key], width, height), levels[key]) for key in parts}
    name = name if isinstance(name, str) else None
    return LabelmeFrame(width, height, image, name, objects, skipped)


def _fields(file: pathlib.Path) -> dict:
    fields = {}
    with open_json(file) as stream:
        if stream.peek() != "{":
            raise InputError(f"{file}: expected an object with shapes")
        for key in stream.members():
            if key in _FIELDS:
                fields[key] = stream.value()
        stream.end()
    return fields


def _shapes(fields: dict, file: pathlib.Path) -> Iterator[tuple[str, dict]]:
    for number, shape in enumerate(list_of(fields, "shapes", str(file))):
        where = f"{file}: shapes[{number}]"
        yield where, as_record(shape, where)


def _size(
    fields: dict,
    file: pathlib.Path,
    image: pathlib.PureWindowsPath | None,
    images: pathlib.Path | None,
) -> tuple[int, int]:
    """(width, height) as the file has them, or the image in it, beside it or among the images."""
    if any(fields.get(side) is None for side in _SIDES):
        size = _image_size(fields, file, image, images)
        if size is None:
            side = next(side for side in _SIDES if fields.get(side) is None)
            raise InputError(
                f"{file}: {side}: missing, and there is no image that tells it: not as imageData, "
                "not where imagePath says, not in the folder of images (--images)"
            )
        fields = dict(zip(_SIDES, size, strict=True))
    width, height = (
        whole_number(fields, side, str(file), minimum=1, maximum=MAX_SIZE) for side in _SIDES
    )
    return width, height


def _image_size(
    fields: dict,
    file: pathlib.Path,
    image: pathlib.PureWindowsPath | None,
    images: pathlib.Path | None,
) -> tuple[int, int] | None:
    size = None
    if isinstance(fields.get("imageData"), str):
        size = base64_size(fields["imageData"])
    candidates = []
    if image is not None:
        candidates = [file.parent / image.as_posix()]
        candidates += [images / image.name] if images else []
    if images is not None:
        endings = [ending for suffix in IMAGE_SUFFIXES for ending in (suffix, suffix.upper())]
        candidates += [images / f"{file.stem}{ending}" for ending in endings]
        if isinstance(fields.get(FILE_NAME), str):
            candidates.append(images.parent / fields[FILE_NAME])
    existing = (candidate for candidate in candidates if candidate.is_file())
    return size or next(map(image_size, existing), None)


def _key(shape: dict, known: Mapping, where: str) -> tuple[str, int | None]:
    """Label and group of a shape."""
    label = required(shape, "label", where)
    if not isinstance(label, str):
        raise InputError(f"{where}: label: expected a string, is {shown(label)}")
    if shape.get("group_id") is not None:
        return label, whole_number(shape, "group_id", where)
    if (label, None) in known:
        raise InputError(
            f"{where}: group_id: expected the number of the object, since there are "
            f"several shapes {label!r}; is null"
        )
    return label, None


def _level(shape: dict, where: str) -> str | None:
    flags = as_record(shape.get("flags") or {}, f"{where}: flags")
    return next((level for level in OCCLUSION_LEVELS if flags.get(level)), None)
