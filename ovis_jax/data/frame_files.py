"""Reads or writes one frame; the only place where image files are decoded."""

from __future__ import annotations

import pathlib

import cv2
import numpy as np

from ovis_jax.formats.errors import InputError

_START_OF_JPEG = b"\xff\xd8"
_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


def read_frame(
    path: pathlib.Path | str, width: int, height: int, *, halved: bool = False
) -> np.ndarray:
    """Decodes an image file, exactly as OpenCV does (accurate inverse DCT).

    Args:
      path: JPEG (or PNG) file.
      width: what the annotations say; likewise `height`.
      height: see `width`.
      halved: decode JPEG files at half the size, rounded up, in half the time: only the lower
        frequencies are read. Other files are decoded as a whole.

    Returns:
      [height, width, 3] uint8 RGB, or half of that.

    Raises:
      InputError: the file is missing, cut off, no image, or of another size.
    """
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return decode_frame(content, path, width, height, halved=halved)


def decode_frame(
    content: bytes, name: object, width: int, height: int, *, halved: bool = False
) -> np.ndarray:
    """As `read_frame`, from the content of a file; `name` says in messages whose it is."""
    if is_truncated_jpeg(content):
        raise InputError(f"{name}: truncated JPEG file, {len(content)} bytes without end of image")
    halved = halved and content.startswith(_START_OF_JPEG)
    image = _decode(content, halved) if content else None
    if image is None:
        raise InputError(f"{name}: not an image that can be decoded ({len(content)} bytes)")
    size = ((height + 1) // 2, (width + 1) // 2) if halved else (height, width)
    if image.shape != (*size, 3):
        found = f"{image.shape[1]}x{image.shape[0]} pixels" + (
            " at half its size" if halved else ""
        )
        raise InputError(f"{name}: frame of {found}, annotations say {width}x{height}")
    return image


def _decode(content: bytes, halved: bool) -> np.ndarray | None:
    data = np.frombuffer(content, np.uint8)
    if not halved:
        return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    image = cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_2)
    return image if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_frame(path: pathlib.Path, image: np.ndarray, quality: int) -> None:
    """Writes [H, W, 3] uint8 RGB as a JPEG file; its folder exists."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    path.write_bytes(content.tobytes())


def is_truncated_jpeg(content: bytes) -> bool:
    """Whether a JPEG ends inside its last scan, which decoders fill with grey without an error.

    Inside a scan these two-byte markers cannot occur; an end of image before the last scan belongs
    to an embedded preview.
    """
    if not content.startswith(_START_OF_JPEG) or content.endswith(_END_OF_IMAGE):
        return False
    return content.rfind(_END_OF_IMAGE) <= content.rfind(_START_OF_SCAN)
