"""PNG files put together by hand, of kinds that OpenCV does not write."""

import struct
import zlib

import numpy as np

GREY, COLOR, INDEXED, GREY_ALPHA, COLOR_ALPHA = 0, 2, 3, 4, 6
_ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
          (1, 0, 2, 1)]  # fmt: skip


def png_file(pixels, bits, color_type=GREY, *, chunks=(), interlaced=False):
    """A PNG file of [h, w] numbers, or [h, w, C] with colours or alpha, of `bits` a sample."""
    height, width = pixels.shape[:2]
    parts = [pixels]
    if interlaced:
        parts = [pixels[top::down, left::right] for top, left, down, right in _ADAM7]
    rows = b"".join(
        b"\0" + _packed(row.reshape(-1), bits) for part in parts if part.size for row in part
    )
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, interlaced)
    whole = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in whole:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        content += struct.pack(">I", len(data)) + kind + data + checksum
    return content


def _packed(row, bits):
    if bits == 16:
        return row.astype(">u2").tobytes()
    per_byte = 8 // bits
    padded = np.pad(row, (0, -len(row) % per_byte)).reshape(-1, per_byte)
    return (padded << np.arange(per_byte)[::-1] * bits).sum(axis=1).astype(np.uint8).tobytes()
