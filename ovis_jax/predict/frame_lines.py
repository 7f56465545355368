"""Results of single frames on disk, written as they are known: JSON lines and id PNGs."""

from __future__ import annotations

import json
import pathlib

import numpy as np

from ovis_jax.converters.indexed_png import write_numbers
from ovis_jax.formats import rle
from ovis_jax.formats.errors import InputError
from ovis_jax.predict.frame_result import FrameResult

_FEW, _MOST = 255, 65535  # ids that fit a palette beside the background, and grey of 16 bits


class FrameLines:
    """A file with one JSON object a line, one line a frame."""

    def __init__(self, path: pathlib.Path):
        """Goes on behind what the file holds, if it is there; its folder exists."""
        self._file = open(path, "a", encoding="utf-8")

    def __enter__(self) -> FrameLines:
        """Itself."""
        return self

    def __exit__(self, *_) -> None:
        """Closes the file."""
        self._file.close()

    def write(self, result: FrameResult) -> None:
        """Adds a frame; whoever reads the file sees it at once."""
        self._file.write(json.dumps(frame_record(result)) + "\n")
        self._file.flush()


def frame_record(result: FrameResult) -> dict:
    """A frame as its line says it.

    Returns:
      `frame`, and `objects`: `id`, `score` and category of this frame alone, `box` (x1, y1, x2, y2)
      in pixels, `segmentation`, a run-length mask.
    """
    objects = [
        {
            "id": int(number),
            "score": float(score),
            "category_id": result.categories[label].id,
            "category": result.categories[label].name,
            "box": [round(float(x), 2) for x in box],
            "segmentation": mask,
        }
        for number, score, label, box, mask in zip(
            result.ids, result.scores, result.labels, result.boxes, result.rles, strict=True
        )
    ]
    return {"frame": result.frame, "objects": objects}


def write_id_png(folder: pathlib.Path, result: FrameResult) -> pathlib.Path:
    """Writes a PNG whose pixels are ids + 1, and 0 where no object is.

    Where masks overlap, the object of the higher score is seen. Of 8 bits with a palette, or grey
    of 16 bits where an id is above 254.

    Args:
      folder: that exists.
      result: of the frame, whose number is the name of the file.

    Raises:
      InputError: an id does not fit 16 bits.
    """
    if len(result) and result.ids.max() >= _MOST:
        raise InputError(f"frame {result.frame}: id {result.ids.max()}, PNGs hold up to {_MOST}")
    pixels = np.zeros(result.image.shape[:2], np.uint16)
    for index in np.argsort(result.scores, kind="stable"):
        pixels[rle.decode(result.rles[index]) > 0] = result.ids[index] + 1
    path = folder / f"{result.frame:06d}.png"
    few = pixels.max(initial=0) <= _FEW
    write_numbers(path, pixels.astype(np.uint8) if few else pixels)
    return path
