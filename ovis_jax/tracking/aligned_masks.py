"""Masks of a grid over the whole canvas, enlarged with aligned points: CondInst and its kin; numpy.

Probabilities on the grid are enlarged to the canvas ("aligned bilinear"), cut to the resized frame,
and resized to the original one (bilinear between pixel centres); above one half is inside. Source:
AdelaiDet's post-processing.
"""

import functools

import numpy as np

from ovis_jax.ops.resize import aligned_weights, bilinear_weights
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.canvas_grids import GRID_STRIDE, paste_grids, probabilities
from ovis_jax.tracking.paste import OriginalFrame


def paste_aligned(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over the canvas."""
    return paste_grids(probabilities(objects), 0.5, frame, grid_weights)


@functools.lru_cache(maxsize=16)
def grid_weights(cells: int, resized: int, original: int) -> np.ndarray:
    """Weights [original, cells] float32 of the grid's cells in the pixels of a side.

    Args:
      cells: of the grid along the side.
      resized: pixels of the resized frame, which the canvas begins with.
      original: pixels of the original frame.
    """
    enlarged = aligned_weights(cells, GRID_STRIDE)[:resized]
    return (bilinear_weights(resized, original) @ enlarged).astype(np.float32)
