"""Width and height of an image from the start of its file, without decoding it."""

from __future__ import annotations

import base64
import binascii
import pathlib
import struct
from collections.abc import Callable

_FIRST = 1 << 16  # bytes that are looked at first; more if the size comes later
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of the frame header
_JPEG_ALONE = frozenset([0x01, *range(0xD0, 0xD9)])  # markers without a length
_ORIENTATION = 0x0112  # EXIF tag; from 5 on, width and height are swapped


def size_of_file(path: pathlib.Path) -> tuple[int, int] | None:
    """(width, height) as one sees the image, turned upright; None if it cannot be told."""
    try:
        with open(path, "rb") as file:
            return _of_growing_start(lambda length: (file.seek(0), file.read(length))[1])
    except OSError:
        return None


def size_of_base64(text: str) -> tuple[int, int] | None:
    """As `size_of_file`, of a file written as base64."""

    def start(length: int) -> bytes:
        characters = -(-length // 3) * 4
        return base64.b64decode(text[:characters])

    try:
        return _of_growing_start(start)
    except (binascii.Error, ValueError):
        return None


def _of_growing_start(start: Callable[[int], bytes]) -> tuple[int, int] | None:
    length, content = _FIRST, start(_FIRST)
    while True:
        size = _size(content)
        if size is not None or len(content) < length:
            return size
        length *= 8
        content = start(length)


def _size(content: bytes) -> tuple[int, int] | None:
    """(width, height), or None if they are not to be found in the start of a file."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack_from(">II", content, 16)
        if content.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", content, 18)
            return width, abs(height)
        if content.startswith(b"\xff\xd8"):
            return _jpeg_size(content)
    except struct.error:
        pass
    return None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    place, swapped = 2, False
    while True:
        mark, kind = struct.unpack_from(">BB", content, place)
        if mark != 0xFF:
            return None
        if kind == 0xFF or kind in _JPEG_ALONE:  # padding, or a marker alone
            place += 1 if kind == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", content, place + 2)
        if kind in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return (height, width) if swapped else (width, height)
        if kind == 0xE1:
            swapped = swapped or _is_on_its_side(content[place + 4 : place + 2 + length])
        place += 2 + length


def _is_on_its_side(segment: bytes) -> bool:
    """Whether an EXIF segment says that the image is to be turned by 90 degrees."""
    if not segment.startswith(b"Exif\0\0"):
        return False
    tiff = segment[6:]
    order = ">" if tiff.startswith(b"MM") else "<"
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(entries):
            tag, kind, _, value = struct.unpack_from(
                order + "HHIH", tiff, directory + 2 + 12 * entry
            )
            if tag == _ORIENTATION and kind == 3:
                return 5 <= value <= 8
    except struct.error:
        pass
    return False
