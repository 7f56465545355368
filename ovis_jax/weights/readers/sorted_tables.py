"""Sorted string tables: how TensorFlow stores the index of a checkpoint. Source: LevelDB's format.

A table is blocks of (key, value) pairs, an index block of where they lie, and a footer. Keys share
the beginning of the key before them. Checksums are not compared.
"""

from collections.abc import Iterator

from ovis_jax.formats.errors import InputError

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48  # bytes
_TRAILER = 5  # bytes behind a block: its compression and a checksum
_RESTART = 4  # bytes of the place of a whole key, and of how many there are
_LONGEST_VARINT = 10  # bytes


def is_table(data: bytes) -> bool:
    """Whether a file ends as tables do."""
    return len(data) >= _FOOTER and data.endswith(_MAGIC)


def read_table(data: bytes) -> dict[bytes, bytes]:
    """Values by key, in the order of the file.

    Raises:
      InputError: the file is no table, is damaged or compressed.
    """
    if not is_table(data):
        raise InputError("expected a sorted string table")
    footer = memoryview(data)[len(data) - _FOOTER :]
    place = 0
    for _ in range(2):  # of the block about blocks, which is not read
        _, place = read_varint(footer, place)
    offset, place = read_varint(footer, place)
    size, _ = read_varint(footer, place)
    found: dict[bytes, bytes] = {}
    for _, handle in _pairs(_block(data, offset, size)):
        offset, place = read_varint(memoryview(handle), 0)
        size, _ = read_varint(memoryview(handle), place)
        for key, value in _pairs(_block(data, offset, size)):
            if key in found:
                raise InputError(f"{ascii(key)}: stands there twice")
            found[key] = value
    return found


def read_varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place behind it.

    Raises:
      InputError: the data end before, or it is longer than any 64-bit number.
    """
    value = 0
    for count in range(_LONGEST_VARINT):
        if place >= len(data):
            raise InputError("ends within a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place
    raise InputError("a number is too long")


def _block(data: bytes, offset: int, size: int) -> memoryview:
    """A block without its trailer."""
    if offset + size + _TRAILER > len(data) - _FOOTER:
        raise InputError(f"a block reaches to byte {offset + size} of {len(data)}")
    if data[offset + size]:
        raise InputError("a compressed block, expected none")
    return memoryview(data)[offset : offset + size]


def _pairs(block: memoryview) -> Iterator[tuple[bytes, bytes]]:
    """The pairs of a block."""
    restarts = int.from_bytes(block[-_RESTART:], "little") if len(block) >= _RESTART else 0
    end = len(block) - _RESTART * (restarts + 1)
    if not restarts or end < 0:
        raise InputError("a block without an end")
    place, key = 0, b""
    while place < end:
        shared, place = read_varint(block, place)
        own, place = read_varint(block, place)
        size, place = read_varint(block, place)
        if shared > len(key) or place + own + size > end:
            raise InputError("a pair reaches beyond its block")
        key = key[:shared] + bytes(block[place : place + own])
        place += own
        yield key, bytes(block[place : place + size])
        place += size
