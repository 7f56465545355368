"""The chunks that a PNG file consists of, and the name of a frame kept in one of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"ovis_file_name"
_TEXT = b"iTXt"  # UTF-8; what follows the keyword: not compressed, no language, no translation
_PLAIN = b"\0\0\0\0\0"

Chunk = tuple[bytes, bytes]


def split(content: bytes) -> Iterator[Chunk]:
    """Kind and data of every chunk of a PNG file; the first is its header.

    Raises:
      ValueError: this is no PNG file, or it is damaged or cut off; also struct.error.
    """
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


def join(chunks: Iterable[Chunk]) -> bytes:
    """The PNG file of some chunks."""
    parts = [_SIGNATURE]
    for kind, data in chunks:
        parts.append(struct.pack(">I", len(data)) + kind + data + _checksum(kind, data))
    return b"".join(parts)


def file_name_chunk(name: str) -> list[Chunk]:
    """A text chunk with the name of a frame; none for a name that UTF-8 cannot hold."""
    try:
        return [(_TEXT, _KEYWORD + _PLAIN + name.encode())]
    except UnicodeEncodeError:
        return []


def file_name_of(chunks: Iterable[Chunk]) -> str | None:
    """The name in `file_name_chunk`, if there is one."""
    start = _KEYWORD + _PLAIN
    for kind, data in chunks:
        if kind == _TEXT and data.startswith(start):
            return data[len(start) :].decode(errors="replace")
    return None


def _checksum(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(kind + data))
