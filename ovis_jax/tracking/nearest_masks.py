"""Masks of a grid over the canvas, enlarged between cell centres, then by whole pixels; numpy.

Logits on the grid are enlarged to the canvas (bilinear), cut to the resized frame, and its pixels
are repeated or left out (nearest) for the original one; above zero is inside. Source: IDOL.
"""

import functools

import numpy as np

from ovis_jax.ops.resize import bilinear_weights, nearest_index
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.canvas_grids import GRID_STRIDE, paste_grids
from ovis_jax.tracking.paste import OriginalFrame


def paste_nearest(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over the canvas."""
    return paste_grids(np.asarray(objects.mask_logits, np.float32), 0.0, frame, grid_weights)


@functools.lru_cache(maxsize=16)
def grid_weights(cells: int, resized: int, original: int) -> np.ndarray:
    """Weights [original, cells] float32 of the grid's cells in the pixels of a side.

    Args:
      cells: of the grid along the side.
      resized: pixels of the resized frame, which the canvas begins with.
      original: pixels of the original frame.
    """
    enlarged = bilinear_weights(cells, GRID_STRIDE * cells)[:resized]
    return enlarged[nearest_index(resized, original)].astype(np.float32)
