"""Detections with as many slots as a test wants."""

import jax.numpy as jnp
import numpy as np

from ovis_jax.structures import Detections

CAPACITY = 128  # slots of detections and of memory in the replays


def make_detections(boxes, scores, labels, embeddings, capacity=CAPACITY, fill=0.0):
    """Detections padded to a capacity with `fill`."""
    missing = capacity - len(boxes)

    def pad(x, dtype, value):
        x = np.asarray(x, dtype)
        return jnp.asarray(
            np.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1), constant_values=value)
        )

    return Detections(
        boxes=pad(boxes, np.float32, fill),
        scores=pad(scores, np.float32, fill),
        labels=pad(labels, np.int32, 0 if fill == 0 else 12345),
        embeddings=pad(embeddings, np.float32, fill),
        mask_logits=jnp.zeros((capacity, 1, 1)),
        mask_boxes=pad(boxes, np.float32, fill),
        valid=jnp.arange(capacity) < len(boxes),
        overflow=jnp.zeros((), jnp.int32),
    )
