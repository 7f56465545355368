"""Writes an exported model: programs, weights, how frames are prepared, names of the classes.

The file is a zip archive that `numpy.load` reads: weights and the first state are arrays of it,
`encode.cpu`, `step.cpu` and so on serialized programs of `jax.export`, `about.json` says the rest,
and `load.py` is a program that runs it (`ovis_jax/export/load.py`).
"""

from __future__ import annotations

import json
import pathlib
import zipfile
from collections.abc import Sequence

import numpy as np
from flax import linen as nn

from ovis_jax.data.transforms import FrameGeometry
from ovis_jax.export.programs import FrameSize, Programs
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.atomic import open_atomic
from ovis_jax.tracking.paste import paste_objects

FORMAT = "ovis_jax exported model 1"
NAMES = ("encode", "step")
_DATE = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same model is the same file


def frame_size(geometry: FrameGeometry, chunk: int) -> FrameSize:
    """What programs are told of the frames of a geometry."""
    return FrameSize(
        canvas=(geometry.canvas_height, geometry.canvas_width),
        image_size=geometry.image_size,
        scale=geometry.scale,
        chunk=chunk,
    )


def description(
    system: nn.Module,
    geometry: FrameGeometry,
    size: tuple[int, int],
    chunk: int,
    categories: Sequence[Category],
) -> dict:
    """What `about.json` says, without names of arrays.

    Args:
      system: that is exported.
      geometry: of the frames.
      size: (width, height) of the original frames.
      chunk: frames that are encoded together.
      categories: label k is `categories[k]`.
    """
    on_boxes = system.mask_rule is paste_objects
    return {
        "format": FORMAT,
        "system": type(system).__name__,
        "categories": [{"id": own.id, "name": own.name} for own in categories],
        "frame_size": {"width": size[0], "height": size[1]},
        "resized": [geometry.height, geometry.width],
        "canvas": [geometry.canvas_height, geometry.canvas_width],
        "scale": list(geometry.scale),
        "resampling": "taps" if geometry.centered is not None else geometry.resampling,
        "chunk": chunk,
        "delay": system.window_after,
        "masks": "grids over boxes" if on_boxes else "grids that the system's mask rule reads",
    }


def write_artifact(
    path: pathlib.Path | str,
    programs: Programs,
    about: dict,
    geometry: FrameGeometry,
    platforms: Sequence[str],
) -> None:
    """Writes the file; it appears when it is complete.

    Args:
      path: of the file.
      programs: of the system.
      about: see `description`.
      geometry: of the frames.
      platforms: some of `PLATFORMS`.
    """
    state = {f"state/{number:03}": array for number, array in enumerate(programs.state)}
    weights = dict(zip(programs.weight_names, programs.weights, strict=True))
    about = about | {"platforms": [*platforms], "weights": [*weights], "state": [*state]}
    with open_atomic(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        _add(archive, "about.json", json.dumps(about, indent=1).encode())
        _add(archive, "load.py", pathlib.Path(__file__).with_name("load.py").read_bytes())
        for platform in platforms:
            for name in NAMES:
                serialized = programs.exported(name, platform).serialize()
                _add(archive, f"{name}.{platform}", bytes(serialized))
        for name, array in (weights | state | _taps(geometry)).items():
            with archive.open(_entry(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _taps(geometry: FrameGeometry) -> dict[str, np.ndarray]:
    """How a frame that is centred on its canvas is warped: pixels, then weights, of both sides.

    Weights are [2, H, 1, 1] and [2, W, 1].
    """
    if geometry.centered is None:
        return {}
    rows, columns = geometry.taps(*geometry.centered, flip=False)
    down, across = rows.weights[:, :, None, None], columns.weights[:, :, None]
    arrays = (rows.pixels, columns.pixels, down, across)
    return {f"taps/{number}": array for number, array in enumerate(arrays)}


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(_entry(name), content)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
