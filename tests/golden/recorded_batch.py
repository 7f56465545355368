"""Recorded arrays of each image of a training batch → one Clips record."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.structures import Clips

INSTANCES = 8


def padded(rows: Sequence[np.ndarray], capacity: int = INSTANCES) -> tuple[np.ndarray, np.ndarray]:
    """Arrays [n, ...] of each image, filled up with zeros; and which rows of them exist."""
    out = np.zeros((len(rows), capacity, *rows[0].shape[1:]), rows[0].dtype)
    for i, x in enumerate(rows):
        out[i, : len(x)] = x
    return out, np.arange(capacity) < np.array([len(x) for x in rows])[:, None]


def frame_pairs(
    frames: tuple[np.ndarray, np.ndarray],
    image_size: np.ndarray,
    *,
    boxes: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    match: Sequence[np.ndarray],
    reference_boxes: Sequence[np.ndarray],
) -> Clips:
    """Query and reference frames [B, ...], and what is in each; labels from 1 on, masks packed.

    `match` holds for each query object 1 + its number among the reference boxes, or 0.
    """
    query, reference = map(np.asarray, frames)
    batch = empty_clip(*query.shape[1:3], ClipShape(2, 1, INSTANCES), leading=(len(query),))
    instances = batch.instances
    batch.frames[:, 0], batch.frames[:, 1] = query, reference
    batch.image_size[:] = image_size
    batch.sample[:] = np.arange(len(query))
    for frame, rows in enumerate((boxes, reference_boxes)):
        instances.boxes[:, frame], instances.valid[:, frame] = padded(rows)
    instances.labels[:, 0] = np.where(instances.valid[:, 0], padded(labels)[0] - 1, 0)
    instances.masks[:, 0] = padded(masks)[0]
    instances.identities[:] = 100 + np.arange(2 * INSTANCES).reshape(2, INSTANCES)
    for row, own in enumerate(match):
        for slot, column in enumerate(own):
            if column:
                instances.identities[row, 1, column - 1] = instances.identities[row, 0, slot]
    return jax.tree.map(jnp.asarray, batch)
