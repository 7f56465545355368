"""Tensors that hold those of several layers."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Split:
    """A tensor that holds those of several names one after the other.

    Attributes:
      expression: regular expression of its name.
      names: what replaces the expression, for each of them.
      axis: along which they stand.
      sizes: of each along it; -1: what the others leave. Empty: all are of one length.
    """

    expression: str
    names: tuple[str, ...]
    axis: int = 0
    sizes: tuple[int, ...] = ()

    def parts(self, value: np.ndarray) -> list[np.ndarray] | None:
        """The tensors that one holds, or None: its shape does not allow it."""
        if value.ndim <= self.axis:
            return None
        length, count = value.shape[self.axis], len(self.names)
        sizes = self.sizes or (length // count,) * count
        left = length - sum(size for size in sizes if size >= 0)
        sizes = [left if size < 0 else size for size in sizes]
        if left < 0 or sum(sizes) != length:
            return None
        return np.split(value, np.cumsum(sizes)[:-1], self.axis)

    def __str__(self):
        """What a message says of the parts."""
        if not self.sizes:
            return f"{len(self.names)} equal parts"
        sizes = ", ".join("any" if size < 0 else str(size) for size in self.sizes)
        return f"parts of sizes {sizes} along axis {self.axis}"
