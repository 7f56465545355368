"""How a video wants its frames turned before they are shown.

Phones store what the sensor sees and say in the header, as a display matrix, how it was held.
"""

from __future__ import annotations

import dataclasses

import numpy as np

_SKEW = 0.02  # about a degree; headers hold exact right angles but for rounding


@dataclasses.dataclass(frozen=True)
class Turn:
    """A turn by right angles, or a reflection: axes change places first, then flips.

    Attributes:
      swap: rows become columns.
      flip_x: left and right change places.
      flip_y: top and bottom change places.
    """

    swap: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of a frame after the turn."""
        return (height, width) if self.swap else (width, height)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Turns an image [h, w, 3]; contiguous in memory."""
        if self.swap:
            image = image.swapaxes(0, 1)
        if self.flip_y:
            image = image[::-1]
        if self.flip_x:
            image = image[:, ::-1]
        return np.ascontiguousarray(image)


def turn_of_matrix(matrix: bytes) -> Turn:
    """The turn that a display matrix asks for.

    Args:
      matrix: nine int32 in the order of the machine, as FFmpeg gives them: (a b u, c d v, x y w)
        takes the point (p, q) of a stored frame to (a p + c q, b p + d q) of the shown one. Only
        signs count: where a frame is moved to, and how large, says nothing about its pixels.

    Raises:
      ValueError: another angle than a right one.
    """
    a, b, _, c, d, *_ = np.frombuffer(matrix, "=i4").astype(np.float64)
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(b), abs(c)) <= _SKEW * straight and straight:
        return Turn(flip_x=bool(a < 0), flip_y=bool(d < 0))
    if max(abs(a), abs(d)) <= _SKEW * crossed and crossed:
        return Turn(swap=True, flip_x=bool(c < 0), flip_y=bool(b < 0))
    raise ValueError("turned in its header by another angle than 90, 180 or 270 degrees")


def turn_of_degrees(degrees: int) -> Turn:
    """The turn clockwise that the `rotate` tag of old files asks for.

    Raises:
      ValueError: not a multiple of 90.
    """
    turns = {
        0: Turn(),
        90: Turn(swap=True, flip_x=True),
        180: Turn(flip_x=True, flip_y=True),
        270: Turn(swap=True, flip_y=True),
    }
    if degrees % 360 not in turns:
        raise ValueError(f"turned in its header by {degrees} degrees, expected a multiple of 90")
    return turns[degrees % 360]
