"""How a frame that is centred on its canvas lies on the map of its features."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.heads.center import STRIDE
from ovis_jax.structures import Window


@flax.struct.dataclass
class FrameMap:
    """How a frame lies on the map of its features, in the middle of it.

    Attributes:
      size: [2] float32 as (width, height), cells of the map.
      image: [2] float32 likewise, pixels of the whole resized frame.
      scale: [2] float32, resized pixels per original pixel in x and in y.
    """

    size: jax.Array
    image: jax.Array
    scale: jax.Array

    @classmethod
    def of(cls, features: jax.Array, window: Window) -> FrameMap:
        """Of a window whose frames have maps [..., h, w, C]."""
        height, width = features.shape[-3:-1]
        return cls(
            size=jnp.float32([width, height]),
            image=jnp.asarray(window.image_size, jnp.float32)[::-1],
            scale=jnp.broadcast_to(jnp.asarray(window.scale, jnp.float32), (2,)),
        )

    @property
    def offset(self) -> jax.Array:
        """[2], pixels of the canvas from its corner to the frame's."""
        return (STRIDE * self.size - self.image) / 2

    def to_original(self, cells: jax.Array) -> jax.Array:
        """Places [..., 2] in cells as pixels of the original frame."""
        return (STRIDE * cells - self.offset) / self.scale

    def boxes_to_original(self, cells: jax.Array) -> jax.Array:
        """Boxes [..., 4] in cells as pixels of the original frame."""
        return self.to_original(cells.reshape(*cells.shape[:-1], 2, 2)).reshape(cells.shape)

    def boxes_to_canvas(self, boxes: jax.Array) -> jax.Array:
        """Boxes [..., 4] in pixels of the original frame as pixels of the canvas."""
        return boxes * jnp.tile(self.scale, 2) + jnp.tile(self.offset, 2)

    @property
    def canvas(self) -> jax.Array:
        """Box [4] of the whole canvas, in pixels of the original frame."""
        return self.boxes_to_original(jnp.concatenate([jnp.zeros(2), self.size]))
