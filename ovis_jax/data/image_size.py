"""The size of an image without decoding it, where its header tells."""

from __future__ import annotations

import pathlib
import struct
from typing import BinaryIO

import cv2
import numpy as np

from ovis_jax.formats.errors import InputError

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}  # JPEG markers that stand alone
_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APP1, _START_OF_SCAN = 0xE1, 0xDA
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112  # tag of EXIF
_SWAPPED = range(5, 9)  # orientations that make rows columns


def image_size(path: pathlib.Path | str) -> tuple[int, int]:
    """(width, height) of an image as `read_frame` gives it, turned as its EXIF data ask for.

    Raises:
      InputError: the file is missing or no image.
    """
    try:
        with open(path, "rb") as file:
            size = _header_size(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return size or _decoded_size(path)


def _header_size(file: BinaryIO) -> tuple[int, int] | None:
    """What the header says; None where it takes more to know."""
    start = file.read(8)
    try:
        if start == _PNG:
            return _png_size(file)
        if start.startswith(_JPEG):
            file.seek(len(_JPEG))
            return _jpeg_size(file)
    except (struct.error, IndexError, ValueError):  # cut off or damaged
        pass
    return None


def _decoded_size(path: pathlib.Path | str) -> tuple[int, int]:
    content = np.fromfile(path, np.uint8)
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except cv2.error:  # too large
        image = None
    if image is None:
        raise InputError(f"{path}: not an image that can be decoded ({content.size} bytes)")
    return image.shape[1], image.shape[0]


def _png_size(file: BinaryIO) -> tuple[int, int] | None:
    """Size of a PNG file, None if it has EXIF data or is damaged."""
    size = None
    while True:
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IHDR":
            size = struct.unpack(">II", file.read(8))
            length -= 8
        if kind == b"eXIf":
            return None
        if kind == b"IEND":
            return size
        file.seek(length + 4, 1)


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    """Size of a JPEG file; None if its segments or EXIF data are not understood."""
    size, orientations = None, []
    while True:
        marker = _next_marker(file)
        if marker is None:
            return None
        if marker in _NO_LENGTH:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker == _START_OF_SCAN:
            break
        content = file.read(length - 2)
        if marker in _START_OF_FRAME:
            height, width = struct.unpack(">HH", content[1:5])
            size = (width, height)
        elif marker == _APP1 and content.startswith(_EXIF):
            orientations.append(_orientation(content[len(_EXIF) :]))
    if size is None or 0 in size or None in orientations or len(orientations) > 1:
        return None
    return size[::-1] if orientations and orientations[0] in _SWAPPED else size


def _next_marker(file: BinaryIO) -> int | None:
    """The second byte of a marker, before which there may be any number of 0xFF."""
    if file.read(1) != b"\xff":
        return None
    while (byte := file.read(1)[0]) == 0xFF:
        pass
    return byte


def _orientation(tiff: bytes) -> int | None:
    """The orientation that EXIF data state, 1 if none, None if they are not understood."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (entries,) = struct.unpack_from(order + "H", tiff, start)
    for number in range(entries):
        tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * number)
        if tag == _ORIENTATION:
            return value
    return 1
