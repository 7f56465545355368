"""Records of sums: added up over videos, or over draws of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Sums = TypeVar("Sums")
"""A dataclass whose fields are arrays, or such dataclasses."""


def add_up(records: Sequence[Sums]) -> Sums:
    """The sum of records, at least one, of the same shapes."""
    return _field_by_field(records, lambda arrays: np.sum(arrays, axis=0))


def add_up_draws(records: Sequence[Sums], draws: np.ndarray) -> Sums:
    """The sum over each of B draws of V videos, with a leading axis for draws.

    Args:
      records: V, of the same shapes.
      draws: [B, V], how often each video stands in each draw.
    """
    return _field_by_field(
        records, lambda arrays: np.tensordot(draws, np.array(arrays, np.float64), axes=1)
    )


def _field_by_field(
    records: Sequence[Sums], combine: Callable[[list[np.ndarray]], np.ndarray]
) -> Sums:
    kind, combined = type(records[0]), {}
    for field in dataclasses.fields(kind):
        values = [getattr(own, field.name) for own in records]
        nested = dataclasses.is_dataclass(values[0])
        combined[field.name] = _field_by_field(values, combine) if nested else combine(values)
    return kind(**combined)
