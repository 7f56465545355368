"""PNG files whose pixels are numbers: 8 bits with a palette, 8 or 16 bits of grey.

OpenCV turns palettes into colours; here the palette is replaced by one whose colours are the
numbers themselves before OpenCV sees the file.
"""

from __future__ import annotations

import pathlib
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.visualization.colors import identity_color

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _INDEXED = 0, 3  # colour types
_COLOR_TYPE = 9  # its place in the header chunk


def read_numbers(path: pathlib.Path) -> np.ndarray:
    """The number of every pixel, [h, w] uint8 or uint16.

    Raises:
      InputError: the file is missing, damaged, or has colours instead of numbers.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        chunks = list(_chunks(content))
        color_type = chunks[0][1][_COLOR_TYPE]
    except (struct.error, IndexError, ValueError):
        raise InputError(f"{path}: not a PNG file that can be read") from None
    if color_type not in (_GREY, _INDEXED):
        raise InputError(f"{path}: pixels have colours, expected a palette or grey numbers")
    if color_type == _INDEXED:
        plain = bytes(i for number in range(256) for i in (number, number, number))
        content = _file(
            [(kind, plain[: len(data)] if kind == b"PLTE" else data) for kind, data in chunks]
        )
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # too large
        image = None
    if image is None:
        raise InputError(f"{path}: not a PNG file that can be read")
    return image if image.ndim == 2 else image[..., 0]


def write_numbers(path: pathlib.Path, numbers: np.ndarray) -> None:
    """Writes [h, w] numbers: uint8 with a palette of identity colours, uint16 as grey.

    Number 0 is black.
    """
    _, content = cv2.imencode(".png", numbers)
    content = content.tobytes()
    if numbers.dtype == np.uint8:
        (kind, header), *rest = _chunks(content)
        header = header[:_COLOR_TYPE] + bytes([_INDEXED]) + header[_COLOR_TYPE + 1 :]
        colors = [(0, 0, 0), *map(identity_color, range(255))]
        palette = (b"PLTE", bytes(value for color in colors for value in color))
        content = _file([(kind, header), palette, *rest])
    path.write_bytes(content)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of every chunk of a PNG file; the first is its header."""
    if not content.startswith(_SIGNATURE):
        raise ValueError("no PNG file")
    place, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, place)
        data = content[place + 8 : place + 8 + length]
        checksum = content[place + 8 + length : place + 12 + length]
        if checksum != _checksum(kind, data):
            raise ValueError("a chunk is damaged or cut off")
        yield kind, data
        place += length + 12


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    parts = [_SIGNATURE]
    for kind, data in chunks:
        parts.append(struct.pack(">I", len(data)) + kind + data + _checksum(kind, data))
    return b"".join(parts)


def _checksum(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(kind + data))
