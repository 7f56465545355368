"""Masks of a grid over the whole canvas, enlarged between cell centres; numpy.

Logits on the grid are enlarged to the canvas (bilinear), cut to the resized frame, and resized to
the original one (bilinear again); above zero is inside. Source: VidEoMT, after Mask2Former.
"""

import functools

import numpy as np

from ovis_jax.ops.resize import bilinear_weights
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.canvas_grids import paste_grids
from ovis_jax.tracking.paste import OriginalFrame


def paste_bilinear(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over the canvas."""
    if not len(objects.mask_logits):
        return []
    in_x = np.broadcast_to(np.float64(frame.scale), 2)[0]
    stride = round(objects.mask_boxes[0, 2] * in_x / objects.mask_logits.shape[2])
    weights = functools.partial(canvas_weights, stride)
    return paste_grids(objects.mask_logits, 0.0, frame, weights)


@functools.lru_cache(maxsize=16)
def canvas_weights(stride: int, cells: int, resized: int, original: int) -> np.ndarray:
    """Weights [original, cells] float32 of the grid's cells in the pixels of a side.

    Args:
      stride: pixels of the canvas from cell to cell of the grid.
      cells: of the grid along the side.
      resized: pixels of the resized frame, which the canvas begins with.
      original: pixels of the original frame.
    """
    enlarged = bilinear_weights(cells, stride * cells)[:resized]
    return (bilinear_weights(resized, original) @ enlarged).astype(np.float32)
