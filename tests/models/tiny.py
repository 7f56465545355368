"""A network and a batch small enough for every test of the models."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from configs import quickstart
from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.structures import Clips, Window

HEIGHT, WIDTH = 64, 96
IMAGE_SIZE = (56, 90)


def tiny_config(calibrated: bool = True, reference_window: int = 2):
    """The quickstart network, narrower."""
    config = quickstart.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.backbone.width = 8
    config.model.rpn.anchor_scale = 4.0
    config.model.neck.channels = 16
    config.model.calibration.update(displacements=4, channels=16, init_scale=1.0)
    if not calibrated:
        config.model.calibration = None
    config.predict.reference_window = reference_window
    config.capacity.update(level_proposals=40, proposals=30, candidates=60, detections=8, tracks=20)
    config.model.box.update(channels=32, num_samples=16, max_positive=6, score_threshold=0.05)
    return config.lock()


@functools.cache
def tiny_system(calibrated: bool = True, reference_window: int = 2):
    """A system and its freshly initialised variables."""
    config = tiny_config(calibrated, reference_window)
    system = build_system(config)
    return system, init_variables(system, jax.random.key(0))


def frame_pairs(num_pairs: int = 2, capacity: int = 5, num_valid: int = 3) -> Clips:
    """Clips of two random frames with rectangular objects; invalid slots hold zeros.

    The objects stand in the same slots of both frames; the last is not in the second. Both frames
    have masks, which not every system reads.
    """
    rng = np.random.default_rng(0)
    batch = empty_clip(HEIGHT, WIDTH, ClipShape(2, 2, capacity), leading=(num_pairs,))
    instances = batch.instances
    masks = np.zeros((num_pairs, capacity, HEIGHT, WIDTH), np.uint8)
    for b in range(num_pairs):
        for n in range(num_valid):
            x, y = rng.integers(0, 50), rng.integers(0, 25)
            w, h = rng.integers(12, 35), rng.integers(12, 28)
            instances.boxes[b, :, n] = x, y, x + w - 1, y + h - 1
            masks[b, n, y : y + h, x : x + w] = 1
    instances.masks[:] = np.packbits(masks, axis=-1)[:, None]
    instances.valid[:, 0, :num_valid] = instances.valid[:, 1, : num_valid - 1] = True
    instances.masks[:, 1, num_valid - 1] = 0
    instances.labels[:, :, :num_valid] = np.arange(num_valid) % 5
    instances.identities[:] = np.arange(capacity)
    frames = rng.integers(0, 256, (2, num_pairs, HEIGHT, WIDTH, 3), np.uint8)
    batch.frames[:] = np.swapaxes(frames, 0, 1)
    batch.frames[..., IMAGE_SIZE[0] :, :, :] = 0
    batch.frames[..., IMAGE_SIZE[1] :, :] = 0
    batch.image_size[:] = IMAGE_SIZE
    batch.sample[:] = np.arange(num_pairs)
    return jax.tree.map(jnp.asarray, batch)


def window(system, variables, frames: jax.Array, valid) -> Window:
    """Encodes uint8 frames [before + 1 + after, H, W, 3] into a window."""
    sizes = jnp.tile(jnp.array(IMAGE_SIZE), (len(frames), 1))
    return Window(
        features=system.apply(variables, frames, sizes, method="encode"),
        valid=jnp.asarray(valid),
        image_size=jnp.asarray(IMAGE_SIZE, jnp.int32),
        scale=jnp.float32(0.5),
    )
