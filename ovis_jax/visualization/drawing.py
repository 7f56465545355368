"""Objects drawn on a frame: tinted mask, contour, label."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from ovis_jax.formats import rle
from ovis_jax.visualization.colors import identity_color, text_color

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_SCALE = 0.45
_TINT = 0.45
_GREY = (170, 170, 170)
_TITLE_HEIGHT = 22
_MIN_SIDE, _MAX_SIDE = 480, 960  # of the longer side of a panel


@dataclasses.dataclass(frozen=True)
class DrawnTrack:
    """One object of a video as it is drawn.

    Attributes:
      identity: number that chooses the colour.
      label: text at the mask.
      segmentations: run-length mask or None for each frame.
      colors: RGB colour or None for each frame, instead of that of the identity.
    """

    identity: int
    label: str
    segmentations: Sequence[dict | None]
    colors: Sequence[tuple[int, int, int] | None] | None = None

    def color(self, frame: int) -> tuple[int, int, int]:
        """RGB colour in a frame; grey where `colors` has none."""
        if self.colors is None:
            return identity_color(self.identity)
        return self.colors[frame] or _GREY


def panel_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) at which a frame is drawn: small ones grow to a multiple, big ones shrink."""
    longer = max(width, height)
    factor = max(1, -(-_MIN_SIDE // longer)) if longer < _MAX_SIDE else _MAX_SIDE / longer
    return round(width * factor), round(height * factor)


def draw_tracks(image: np.ndarray, frame: int, tracks: Sequence[DrawnTrack]) -> np.ndarray:
    """Draws the tracks that have a mask in a frame.

    Args:
      image: [h, w, 3] uint8 RGB, the size of the masks.
      frame: number of the frame.
      tracks: later ones are drawn over earlier ones; labels stand over all masks.

    Returns:
      [H, W, 3] uint8 RGB, of `panel_size`.
    """
    height, width = image.shape[:2]
    size = panel_size(width, height)
    smooth = cv2.INTER_CUBIC if size[0] > width else cv2.INTER_AREA
    panel = cv2.resize(image, size, interpolation=smooth)
    corners = []
    for track in tracks:
        segmentation = track.segmentations[frame]
        mask = None if segmentation is None else rle.decode(segmentation)
        if mask is not None and mask.any():
            mask = cv2.resize(np.asarray(mask, np.uint8), size, interpolation=cv2.INTER_NEAREST)
            _draw_mask(panel, mask, track.color(frame))
            corners.append((track, _top_left(mask)))
    for track, corner in corners:
        _draw_label(panel, track.label, corner, track.color(frame))
    return panel


def add_title(panel: np.ndarray, title: str) -> np.ndarray:
    """The panel below a dark strip with a title."""
    strip = np.full((_TITLE_HEIGHT, panel.shape[1], 3), 32, np.uint8)
    cv2.putText(strip, title, (6, 15), _FONT, _TEXT_SCALE, (255, 255, 255), 1, cv2.LINE_AA)
    return np.concatenate([strip, panel])


def _draw_mask(panel: np.ndarray, mask: np.ndarray, color: tuple[int, int, int]) -> None:
    """Tints [H, W] uint8 `mask` and outlines it, in place."""
    inside = mask > 0
    tinted = panel[inside] * (1 - _TINT) + np.array(color) * _TINT
    panel[inside] = tinted.astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(panel, contours, -1, color, 2, cv2.LINE_AA)


def _top_left(mask: np.ndarray) -> tuple[int, int]:
    """(x, y) of the mask's leftmost column and highest row."""
    return int(mask.any(axis=0).argmax()), int(mask.any(axis=1).argmax())


def _draw_label(
    panel: np.ndarray, text: str, corner: tuple[int, int], color: tuple[int, int, int]
) -> None:
    """Writes `text` on a box of `color` above `corner`, moved inside the panel, in place."""
    (width, height), below = cv2.getTextSize(text, _FONT, _TEXT_SCALE, 1)
    x = max(0, min(corner[0], panel.shape[1] - width - 4))
    y = max(height + below + 2, corner[1])
    cv2.rectangle(panel, (x, y - height - below - 2), (x + width + 4, y), color, cv2.FILLED)
    at = (x + 2, y - below)
    cv2.putText(panel, text, at, _FONT, _TEXT_SCALE, text_color(color), 1, cv2.LINE_AA)
