"""Masks of a grid over the whole canvas, cut to the frame and stretched to the original; numpy.

Probabilities of the cells that the frame covers, of a cell that it covers in part none, are resized
to the original frame (bilinear between cell centres); above one half is inside. Source: STMask's
published code.
"""

import functools

import numpy as np

from ovis_jax.ops.resize import bilinear_weights
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.canvas_grids import GRID_STRIDE, paste_grids, probabilities
from ovis_jax.tracking.paste import OriginalFrame


def paste_cut_grids(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over the canvas."""
    return paste_grids(probabilities(objects), 0.5, frame, cut_weights)


@functools.lru_cache(maxsize=16)
def cut_weights(cells: int, resized: int, original: int) -> np.ndarray:
    """Weights [original, cells] float32 of the grid's cells in the pixels of a side.

    Args:
      cells: of the grid along the side.
      resized: pixels of the resized frame, which the canvas begins with.
      original: pixels of the original frame.
    """
    kept = int(resized / (GRID_STRIDE * cells) * cells)
    weights = np.zeros((original, cells), np.float32)
    weights[:, :kept] = bilinear_weights(kept, original)
    return weights
