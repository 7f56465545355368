"""Width and height of an image from its header alone: JPEG, PNG, BMP.

A JPEG that a camera marked as lying on its side (EXIF) has the size that it is shown in, as OpenCV
reads it and annotation tools do.
"""

from __future__ import annotations

import pathlib
import struct
from typing import IO

from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
_JPEG, _PNG, _BMP = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM"
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))  # markers
_SCAN, _APP1 = 0xDA, 0xE1
_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)


def image_size(path: pathlib.Path) -> tuple[int, int]:
    """Width and height.

    Raises:
      InputError: the file is missing, or no image of these kinds.
    """
    try:
        with open(path, "rb") as file:
            return header_size(file, str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def header_size(file: IO[bytes], where: str) -> tuple[int, int]:
    """Width and height of an image in an open file, which `where` names.

    Raises:
      InputError: it is no image of these kinds; errors of reading pass through.
    """
    try:
        width, height = _size(file)
    except (struct.error, ValueError):
        raise InputError(f"{where}: not a JPEG, PNG or BMP file that can be read") from None
    if not (1 <= width <= MAX_SIZE and 1 <= height <= MAX_SIZE):
        raise InputError(f"{where}: width or height is not from 1 to {MAX_SIZE}")
    return width, height


def _size(file: IO[bytes]) -> tuple[int, int]:
    start = file.read(26)
    if start.startswith(_PNG) and start[12:16] == b"IHDR":
        return struct.unpack_from(">II", start, 16)
    if start.startswith(_BMP):
        width, height = struct.unpack_from("<ii", start, 18)
        return width, abs(height)  # a negative one says that rows begin at the top
    if start.startswith(_JPEG):
        file.seek(len(_JPEG))
        return _jpeg_size(file)
    raise ValueError("of another kind")


def _jpeg_size(file: IO[bytes]) -> tuple[int, int]:
    """Goes from marker to marker up to the first frame header."""
    lying = False
    while True:
        marker = _next_marker(file)
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _SCAN:
            raise ValueError("no frame header")
        (length,) = struct.unpack(">H", file.read(2))
        content = file.read(length - 2) if length >= 2 else b""
        if marker == _APP1:
            lying = lying or _orientation(content) in _LYING
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", content, 1)
            return (height, width) if lying else (width, height)


def _next_marker(file: IO[bytes]) -> int:
    if file.read(1) != b"\xff":
        raise ValueError("expected a marker")
    marker = b"\xff"
    while marker == b"\xff":
        marker = file.read(1)
    return struct.unpack("B", marker)[0]


def _orientation(content: bytes) -> int:
    """That of an EXIF block; 1, which is upright, where there is none."""
    if not content.startswith(b"Exif\0\0"):
        return 1
    tiff = content[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (place,) = struct.unpack_from(f"{order}I", tiff, 4)
        (num_entries,) = struct.unpack_from(f"{order}H", tiff, place)
        for entry in range(place + 2, place + 2 + 12 * num_entries, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return value
    except struct.error:
        pass
    return 1
