"""The recorded training batch of QueryVIS: images of unequal size on one canvas."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from golden.queryvis.queryvis_model import record
from golden_folder import golden_json

from ovis_jax.structures import Instances

EMPTY_SLOTS = 2


@functools.cache
def images() -> range:
    """Numbers of the images."""
    return range(len(golden_json("queryvis", "train.json")["batch"]))


@functools.cache
def batch() -> tuple[jax.Array, jax.Array, Instances]:
    """Frames [B, H, W, 3] uint8, their sizes [B, 2], and what is annotated, [B, N, ...]."""
    *_, height, width = golden_json("queryvis", "train.json")["batch_shape"]
    slots = EMPTY_SLOTS + max(len(record(f"img{i}/gt_labels", "train")) for i in images())
    frames = np.zeros((len(images()), height, width, 3), np.uint8)
    sizes = np.zeros((len(images()), 2), np.int32)
    instances = Instances(
        boxes=np.zeros((len(images()), slots, 4), np.float32),
        labels=np.zeros((len(images()), slots), np.int32),
        identities=np.tile(np.arange(slots, dtype=np.int32), (len(images()), 1)),
        masks=np.zeros((len(images()), slots, height, width // 8), np.uint8),
        valid=np.zeros((len(images()), slots), bool),
    )
    for i in images():
        image = record(f"img{i}/resized_bgr", "train")[..., ::-1]
        sizes[i] = image.shape[:2]
        frames[i, : sizes[i, 0], : sizes[i, 1]] = image
        count = len(record(f"img{i}/gt_labels", "train"))
        instances.boxes[i, :count] = record(f"img{i}/gt_boxes", "train")
        instances.labels[i, :count] = record(f"img{i}/gt_labels", "train")
        instances.valid[i, :count] = True
        packed = record(f"img{i}/gt_masks_packed", "train")
        instances.masks[i, :count, : packed.shape[1], : packed.shape[2]] = packed
    return jax.tree.map(jnp.asarray, (frames, sizes, instances))


def matches(stage: int, image: int) -> tuple[np.ndarray, np.ndarray]:
    """Recorded pairs of query and object."""
    start = f"s{stage}/img{image}/match"
    return record(f"{start}_query", "train"), record(f"{start}_gt", "train")


def recorded_order(stage: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and object of each item in the order of the records: by image, then by query."""
    pairs = [(i, *matches(stage, i)) for i in images()]
    rows = [(i, own[np.argsort(query)]) for i, query, own in pairs]
    image = np.concatenate([np.full(len(own), i) for i, own in rows])
    return image, np.concatenate([own for _, own in rows])
