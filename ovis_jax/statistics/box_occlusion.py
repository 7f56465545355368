"""How much boxes hide one another: box occlusion rate (OVIS paper, equation 1), crossings."""

import numpy as np

_MAX_CELLS = 1 << 21  # of all frames that are worked on at once, which bounds the memory


def box_occlusion_rates(boxes: np.ndarray) -> np.ndarray:
    """Box occlusion rate of every frame of a video.

    It is the area of the union of all pairwise intersections of boxes, divided by the area of the
    union of all boxes; exact, for any number of boxes.

    Args:
      boxes: [N, T, 4] as (x, y, width, height) in pixels, NaN where an object is not visible.

    Returns:
      [T] in [0, 1]; NaN in frames without a box of positive area.
    """
    boxes = np.moveaxis(np.asarray(boxes, np.float64), 1, 0)  # [T, N, 4]
    num_frames = max(1, _MAX_CELLS // max(2 * boxes.shape[1], 1) ** 2)
    starts = range(0, len(boxes), num_frames)
    parts = [_rates_at_once(boxes[start : start + num_frames]) for start in starts]
    return np.concatenate([np.empty(0), *parts])


def crossing_pairs(boxes: np.ndarray) -> np.ndarray:
    """Which pairs of objects have overlapping boxes in some frame.

    Args:
      boxes: [N, T, 4] as for `box_occlusion_rates`.

    Returns:
      [N (N - 1) / 2] bool.
    """
    low = boxes[..., :2]
    high = low + boxes[..., 2:]
    first, second = np.triu_indices(len(boxes), 1)
    overlap = np.minimum(high[first], high[second]) - np.maximum(low[first], low[second])
    return (overlap > 0).all(-1).any(-1)  # comparisons with NaN are false


def _rates_at_once(boxes: np.ndarray) -> np.ndarray:
    """`box_occlusion_rates` of boxes [T, N, 4]."""
    present = ~np.isnan(boxes).any(-1, keepdims=True)
    boxes = np.where(present, boxes, 0)
    in_column, widths = _cells(boxes[..., 0], boxes[..., 2])
    in_row, heights = _cells(boxes[..., 1], boxes[..., 3])
    # Between two neighbouring box edges in x and in y, the number of covering boxes is constant.
    covering = in_column.swapaxes(1, 2) @ in_row  # [T, columns, rows]
    areas = widths[:, :, None] * heights[:, None, :]
    union = (areas * (covering >= 1)).sum((1, 2))
    shared = (areas * (covering >= 2)).sum((1, 2))
    return np.divide(shared, union, out=np.full(len(union), np.nan), where=union > 0)


def _cells(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cuts one axis at all box edges.

    Args:
      starts: [T, N].
      lengths: [T, N].

    Returns:
      [T, N, 2N - 1] float, 1 where a box covers a cell, and the cells' lengths [T, 2N - 1].
    """
    ends = starts + lengths
    edges = np.sort(np.concatenate([starts, ends], axis=1), axis=1)
    left, right = edges[:, None, :-1], edges[:, None, 1:]
    inside = (starts[..., None] <= left) & (right <= ends[..., None])
    return inside.astype(np.float64), np.diff(edges, axis=1)
