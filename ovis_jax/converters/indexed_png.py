"""PNG files whose pixels are numbers: with a palette or grey, of 1 to 16 bits.

What counts are the samples as they stand in the file. Colours whose channels are equal everywhere
are grey: many image libraries write grey so. OpenCV turns palettes into colours and
stretches grey of 1, 2 and 4 bits to 0…255; so all of them get a palette whose colours are the
numbers themselves before OpenCV sees the file.
"""

from __future__ import annotations

import pathlib
import struct

import cv2
import numpy as np

from ovis_jax.converters import png_chunks
from ovis_jax.formats.errors import InputError
from ovis_jax.visualization.colors import identity_color

_GREY, _COLOR, _INDEXED, _GREY_ALPHA, _COLOR_ALPHA = 0, 2, 3, 4, 6  # colour types
_CHANNELS = {_GREY: 1, _COLOR: 3, _INDEXED: 1, _GREY_ALPHA: 2, _COLOR_ALPHA: 4}
_COLOR_TYPE = 9  # its place in the header chunk
_HEADER = ">IIBB"  # width, height, bits, colour type
_MOST_PACKED = 1032  # bytes that one byte of a zlib stream can stand for, at most
_IDENTITY = bytes(value for number in range(256) for value in (number, number, number))


def read_numbers(path: pathlib.Path) -> np.ndarray:
    """The number of every pixel, [h, w] uint8 or uint16.

    Raises:
      InputError: the file is missing, damaged, or has colours instead of numbers.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return decode_numbers(content, str(path))


def decode_numbers(content: bytes, where: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """The number of every pixel of a PNG file, [h, w] uint8 or uint16.

    Args:
      content: of the file.
      where: names it in messages.
      size: (width, height) that it must have; or None.

    Raises:
      InputError: it is damaged, has colours instead of numbers, or another size.
    """
    chunks, bits, color_type = _checked(content, where, size)
    try:
        content = png_chunks.join(_plain(chunks, bits, color_type))
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # too large
        image = None
    if image is None:
        raise _unreadable(where)
    if color_type in (_GREY_ALPHA, _COLOR_ALPHA):
        _check_opaque(image, where)
    if image.ndim == 2:
        return image
    if (image[..., 1:3] != image[..., :1]).any():
        raise InputError(f"{where}: pixels have colours, expected a palette or grey numbers")
    return image[..., 0]


def recorded_name(path: pathlib.Path) -> str | None:
    """The name of the frame that `write_numbers` kept in a file, if it did; never an error."""
    try:
        return png_chunks.file_name_of(png_chunks.split(path.read_bytes()))
    except (OSError, ValueError, struct.error):
        return None


def write_numbers(path: pathlib.Path, numbers: np.ndarray, file_name: str | None = None) -> None:
    """Writes [h, w] numbers: uint8 with a palette of identity colours, uint16 as grey.

    Number 0 is black.

    Args:
      path: of the file.
      numbers: of the pixels.
      file_name: of the frame, kept as a text in the file if it is given.
    """
    _, content = cv2.imencode(".png", numbers)
    header, *rest = png_chunks.split(content.tobytes())
    if numbers.dtype == np.uint8:
        colors = [(0, 0, 0), *map(identity_color, range(255))]
        palette = (b"PLTE", bytes(value for color in colors for value in color))
        header, rest = (header[0], _of_type(header[1], _INDEXED)), [palette, *rest]
    if file_name is not None:
        rest = [*rest[:-1], *png_chunks.file_name_chunk(file_name), rest[-1]]
    path.write_bytes(png_chunks.join([header, *rest]))


def _checked(
    content: bytes, where: str, size: tuple[int, int] | None
) -> tuple[list[png_chunks.Chunk], int, int]:
    """Chunks, bits of a sample and colour type of a file whose pixels may take their memory."""
    try:
        chunks = list(png_chunks.split(content))
        (kind, header), *_ = chunks
        width, height, bits, color_type = struct.unpack_from(_HEADER, header)
    except (struct.error, ValueError):
        raise _unreadable(where) from None
    if kind != b"IHDR" or color_type not in _CHANNELS:
        raise _unreadable(where)
    if size not in (None, (width, height)):
        raise InputError(
            f"{where}: the PNG has {width}x{height} pixels, expected {size[0]}x{size[1]}"
        )
    packed = sum(len(data) for kind, data in chunks if kind == b"IDAT")
    if width * height * bits * _CHANNELS[color_type] > 8 * _MOST_PACKED * packed:
        raise _unreadable(where)
    return chunks, bits, color_type


def _unreadable(where: str) -> InputError:
    return InputError(f"{where}: not a PNG file that can be read")


def _check_opaque(image: np.ndarray, where: str) -> None:
    """Raises InputError if a pixel with a number is transparent; alpha is the last channel."""
    transparent = image[..., -1] != np.iinfo(image.dtype).max
    if image[transparent, :-1].any():
        raise InputError(f"{where}: pixels with numbers are transparent")


def _plain(chunks: list[png_chunks.Chunk], bits: int, color_type: int) -> list[png_chunks.Chunk]:
    """The chunks without which there is no image, with a palette of numbers instead of greys."""
    (kind, header), *rest = chunks
    pixels = [chunk for chunk in rest if chunk[0] in (b"IDAT", b"IEND")]
    if color_type not in (_GREY, _INDEXED) or bits > 8:
        return [(kind, header), *pixels]
    palette = (b"PLTE", _IDENTITY[: 3 << bits])
    return [(kind, _of_type(header, _INDEXED)), palette, *pixels]


def _of_type(header: bytes, color_type: int) -> bytes:
    return header[:_COLOR_TYPE] + bytes([color_type]) + header[_COLOR_TYPE + 1 :]
