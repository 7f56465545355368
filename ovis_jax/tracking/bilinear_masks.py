"""Masks of a grid over the whole canvas, enlarged between cell centres; numpy.

Logits on the grid are enlarged to the canvas (bilinear), cut to the resized frame, and resized to
the original one (bilinear again); above zero is inside. Source: VidEoMT, after Mask2Former.
"""

import functools

import numpy as np

from ovis_jax.ops.resize import bilinear_weights
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.aligned_masks import mask_of_cells
from ovis_jax.tracking.paste import OriginalFrame


def paste_bilinear(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over the canvas."""
    if not len(objects.mask_logits):
        return []
    in_x, in_y = np.broadcast_to(np.float64(frame.scale), 2)
    by_axis = []
    for axis, (original, scale) in enumerate(((frame.height, in_y), (frame.width, in_x))):
        cells = objects.mask_logits.shape[1 + axis]
        canvas = int(objects.mask_boxes[0, 3 - axis] * scale + 0.5)
        by_axis.append(canvas_weights(cells, canvas, int(original * scale + 0.5), original))
    return [mask_of_cells(logits, 0.0, *by_axis) for logits in objects.mask_logits]


@functools.lru_cache(maxsize=16)
def canvas_weights(cells: int, canvas: int, resized: int, original: int) -> np.ndarray:
    """Weights [original, cells] float32 of the grid's cells in the pixels of a side.

    Args:
      cells: of the grid along the side.
      canvas: pixels that the grid covers.
      resized: pixels of the resized frame, which the canvas begins with.
      original: pixels of the original frame.
    """
    enlarged = bilinear_weights(cells, canvas)[:resized]
    return (bilinear_weights(resized, original) @ enlarged).astype(np.float32)
