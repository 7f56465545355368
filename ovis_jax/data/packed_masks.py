"""Masks at the size of the network, kept as the bits of the rectangle that they cover."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class PackedMask:
    """A mask of a resized frame.

    Attributes:
      rows: (first, end) of the rows that are kept; all other rows are zero.
      columns: likewise, in bytes of eight columns.
      bits: one byte for eight columns, row after row.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    bits: bytes


def pack_mask(mask: np.ndarray) -> PackedMask:
    """Packs a mask [h, w] of bools."""
    packed = np.packbits(mask, axis=1)
    rows, columns = _extent(packed.any(axis=1)), _extent(packed.any(axis=0))
    inside = packed[slice(*rows), slice(*columns)]
    return PackedMask(rows, columns, inside.tobytes())


def place_mask(mask: PackedMask, canvas: np.ndarray, width: int, *, flip: bool) -> None:
    """Writes a mask onto an empty canvas.

    Args:
      mask: what to write.
      canvas: [H, W // 8] uint8, zero; is changed.
      width: columns of the resized frame, which lies in the upper left corner.
      flip: mirror the frame.
    """
    first, end = mask.columns
    bits = np.frombuffer(mask.bits, np.uint8).reshape(mask.rows[1] - mask.rows[0], end - first)
    if flip:
        columns = np.zeros((len(bits), width), np.uint8)
        columns[:, 8 * first : 8 * end] = np.unpackbits(bits, axis=1)[:, : width - 8 * first]
        bits = np.packbits(columns[:, ::-1], axis=1)
        first, end = 0, bits.shape[1]
    canvas[slice(*mask.rows), first:end] = bits


def _extent(used: np.ndarray) -> tuple[int, int]:
    """First and end of what is used, (0, 0) if nothing is."""
    places = np.flatnonzero(used)
    return (int(places[0]), int(places[-1]) + 1) if places.size else (0, 0)
