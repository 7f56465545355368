"""Recorded arrays of each image of a training batch → one FramePairs record."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.structures import FramePairs, Instances

INSTANCES = 8


def padded(rows: Sequence[np.ndarray], capacity: int = INSTANCES) -> tuple[np.ndarray, np.ndarray]:
    """Arrays [n, ...] of each image, filled up with zeros; and which rows of them exist."""
    out = np.zeros((len(rows), capacity, *rows[0].shape[1:]), rows[0].dtype)
    for i, x in enumerate(rows):
        out[i, : len(x)] = x
    return out, np.arange(capacity) < np.array([len(x) for x in rows])[:, None]


def frame_pairs(
    query: np.ndarray,
    reference: np.ndarray,
    image_size: np.ndarray,
    *,
    boxes: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    match: Sequence[np.ndarray],
    reference_boxes: Sequence[np.ndarray],
) -> FramePairs:
    """Frames [B, ...], and what is annotated in each; labels from 1 on, masks packed."""
    boxes, valid = padded(boxes)
    reference_boxes, reference_valid = padded(reference_boxes)
    pairs = FramePairs(
        query=query,
        reference=reference,
        image_size=np.asarray(image_size, np.int32),
        instances=Instances(
            boxes=boxes,
            labels=np.where(valid, padded(labels)[0] - 1, 0).astype(np.int32),
            masks=padded(masks)[0],
            valid=valid,
        ),
        reference_boxes=reference_boxes,
        reference_valid=reference_valid,
        reference_match=padded(match)[0].astype(np.int32),
        sample=np.arange(len(query), dtype=np.int32),
    )
    return jax.tree.map(jnp.asarray, pairs)
