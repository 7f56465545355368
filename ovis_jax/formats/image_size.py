"""The size of an image as one sees it, from its header where that tells.

Images that a camera marked as lying on their side (EXIF) have the size that they are shown in, as
OpenCV reads them and annotation tools show them.
"""

from __future__ import annotations

import base64
import binascii
import io
import pathlib
import struct
from typing import BinaryIO

import numpy as np

from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.errors import InputError

_PNG, _JPEG, _BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"BM"
_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}  # JPEG markers that stand alone
_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APP1, _START_OF_SCAN = 0xE1, 0xDA
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112  # tag of EXIF
_SWAPPED = range(5, 9)  # orientations that make rows columns
_FIRST = 1 << 16  # bytes of a base64 text that are looked at first; more if the size comes later


def image_size(path: pathlib.Path | str) -> tuple[int, int]:
    """(width, height) of an image file as `read_frame` gives it.

    Where the header does not tell, the image is decoded.

    Raises:
      InputError: the file is missing, no image, or too large.
    """
    try:
        with open(path, "rb") as file:
            size = header_size(file)
        size = size or _decoded_size(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not 0 < min(size) <= max(size) <= MAX_SIZE:
        raise InputError(f"{path}: {size[0]}x{size[1]} pixels, expected sides of 1 to {MAX_SIZE}")
    return size


def header_size(file: BinaryIO) -> tuple[int, int] | None:
    """(width, height) that the header of a JPEG, PNG or BMP file states; None where it takes more.

    Args:
      file: at its start; is read as far as needed.
    """
    start = file.read(8)
    try:
        if start == _PNG:
            return _png_size(file)
        if start.startswith(_JPEG):
            file.seek(len(_JPEG))
            return _jpeg_size(file)
        if start.startswith(_BMP):
            file.seek(18)
            width, height = struct.unpack("<ii", file.read(8))
            return width, abs(height)  # a negative one says that rows begin at the top
    except (struct.error, IndexError, ValueError):  # cut off or damaged
        pass
    return None


def base64_size(text: str) -> tuple[int, int] | None:
    """`header_size` of a file written as base64; None also where it is no base64."""
    length = _FIRST
    while True:
        try:
            content = base64.b64decode(text[: -(-length // 3) * 4])
        except (binascii.Error, ValueError):
            return None
        size = header_size(io.BytesIO(content))
        if size is not None or len(content) < length:
            return size
        length *= 8


def _decoded_size(path: pathlib.Path | str) -> tuple[int, int]:
    import cv2  # not part of the base install, which reads no images

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
