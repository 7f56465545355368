"""A few frames of a movie below each other on one picture."""

import pathlib

import cv2
import numpy as np

_GAP = 4


def sheet_frames(length: int, rows: int) -> list[int]:
    """Numbers of at most `rows` frames spread evenly over a video, first and last included."""
    return sorted({round(x) for x in np.linspace(0, length - 1, min(rows, length))})


def write_sheet(path: pathlib.Path | str, rows: list[np.ndarray]) -> None:
    """Writes pictures of one width, [H, W, 3] uint8 RGB, below each other to a PNG file."""
    gap = np.full((_GAP, rows[0].shape[1], 3), 255, np.uint8)
    stacked = [part for row in rows for part in (row, gap)][:-1]
    _, content = cv2.imencode(".png", cv2.cvtColor(np.concatenate(stacked), cv2.COLOR_RGB2BGR))
    pathlib.Path(path).write_bytes(content.tobytes())
