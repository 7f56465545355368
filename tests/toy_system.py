"""A system with a cheap `encode` and `step` whose outputs tell which frames a window held."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.cues import TrackMemory
from ovis_jax.tracking.paste import MaskRule, paste_objects
from ovis_jax.tracking.rules import TrackRule, mean_and_majority


class ToySystem(nn.Module):
    """Outputs are sums over the window and over the frames before, which memory holds."""

    window_before: int = 0
    window_after: int = 0
    detections: int = 3
    mask_rule: MaskRule = paste_objects
    track_rule: TrackRule = mean_and_majority

    @nn.compact
    def encode(self, frames, image_size):
        weight = self.param("weight", nn.initializers.constant(0.5), ())
        fine = (frames[:, ::4, ::4] / 255 - 0.5) * weight
        return {"maps": (fine, fine[:, ::2, ::2]), "vector": fine.mean((1, 2))}

    def init_memory(self, capacity, features):
        del features
        return TrackMemory(
            boxes=jnp.zeros((capacity, 4)),
            labels=jnp.zeros(capacity, jnp.int32),
            embeddings=jnp.zeros((capacity, 2)),
            count=jnp.full((), 100, jnp.int32),
            overflow=jnp.zeros((), jnp.int32),
        )

    def step(self, memory, window):

        def level(x):
            exists = window.valid.reshape(-1, *[1] * (x.ndim - 1))
            return jnp.where(exists, x, 0).mean(tuple(range(1, x.ndim)))

        levels = jax.tree.leaves(jax.tree.map(level, window.features))
        place = jnp.arange(1, len(window.valid) + 1)
        summary = sum((level * place).sum() for level in levels)
        count = memory.count + 1
        memory = memory.replace(count=count, embeddings=memory.embeddings + summary)
        slots = jnp.arange(self.detections)
        return memory, FrameOutput(
            ids=count + slots,
            scores=jnp.full(self.detections, nn.sigmoid(summary)),
            labels=slots % 2,
            boxes=jnp.tile(self._box(window), (self.detections, 1)),
            mask_boxes=jnp.tile(self._box(window), (self.detections, 1)),
            mask_logits=jnp.full((self.detections, 4, 4), memory.embeddings[0, 0])
            * window.scale[0],
            valid=slots < count % 3,
            overflow=window.valid.sum(),
        )

    @nn.nowrap
    def finish(self, memory, tracks):
        return tracks

    def _box(self, window):
        """The upper left quarter of the original frame."""
        height, width = window.image_size / window.scale[::-1]
        return jnp.array([0.0, 0.0, width / 2, height / 2])


def toy_variables(system):
    """Its variables."""
    frames = jnp.zeros((1, 8, 8, 3), jnp.uint8)
    return system.init(jax.random.key(0), frames, jnp.array([[8, 8]]), method="encode")
