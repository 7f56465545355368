"""How objects of a frame move to the next one: boxes and mask coefficients are shifted. STMask."""

import functools

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.ops import implementations
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.compact import map_valid
from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.losses import smooth_l1
from ovis_jax.ops.roi_align_adaptive import roi_align_adaptive

DISPLACEMENTS = 11
STDS = (0.1, 0.1, 0.2, 0.2)
ROI_SIZE = 7
CHUNK = 16  # RoIs at a time


@flax.struct.dataclass
class FrameMaps:
    """What is read of a frame to shift objects into it or out of it, at one level.

    Attributes:
      level: [B, h, w, C] of the pyramid, which is correlated.
      shared: [B, h, w, C] that the predictions of the level are made of.
    """

    level: jax.Array
    shared: jax.Array


class TrackShiftHead(nn.Module):
    """Temporal fusion. Source: Li et al. 2021, STMask, section 3.2.

    Attributes:
      num_coefficients: of a mask.
      channels: of the first two convolutions; the third one has twice as many.
      boxes_in_cells: RoIs are the objects' boxes in cells of the map. False: they are the boxes
        relative to the frame, taken for cells, as the authors' first models for OVIS and
        YouTube-VIS 2021 were trained by mistake.
      dtype: of the computation; the last layers are float32.
    """

    num_coefficients: int = 32
    channels: int = 512
    boxes_in_cells: bool = True
    dtype: str = "float32"

    def setup(self):
        """Makes three convolutions and two linear layers."""
        initial = nn.initializers.xavier_uniform()
        widths = (self.channels, self.channels, 2 * self.channels)
        make = functools.partial(
            nn.Conv,
            kernel_size=(3, 3),
            kernel_init=initial,
            dtype=self.dtype,
            conv_general_dilated=implementations.looped_convolution(),
        )
        self.convs = [make(width) for width in widths]
        self.deltas = nn.Dense(4, kernel_init=initial)
        self.coefficients = nn.Dense(self.num_coefficients, kernel_init=initial)

    def __call__(self, features: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps RoI features [R, 7, 7, C] to deltas [R, 4] and shifts of coefficients [R, N]."""
        x = features.astype(self.dtype)
        for conv in self.convs:
            x = nn.relu(conv(x))
        x = x.mean(axis=(1, 2)).astype(jnp.float32)
        return self.deltas(x), self.coefficients(x)

    def joined(self, reference: FrameMaps, following: FrameMaps) -> jax.Array:
        """What RoIs are read from: [B, h, w, 121 + 2 C], without negative values."""
        similar = correlation(reference.level, following.level, DISPLACEMENTS, dilation=1)
        joined = jnp.concatenate([similar, reference.shared, following.shared], axis=-1)
        return nn.relu(joined).astype(self.dtype)  # as the convolutions of RoIs read it

    def pool(self, joined: jax.Array, boxes: jax.Array) -> jax.Array:
        """RoI features [B, R, 7, 7, C] of maps [B, h, w, C] and boxes [B, R, 4]."""
        size = joined.shape[1:3] if self.boxes_in_cells else (1, 1)
        rois = roi_cells(boxes, *size)
        return jax.vmap(lambda x, own: roi_align_adaptive(x, own, ROI_SIZE))(joined, rois)

    def shifts(
        self, joined: jax.Array, boxes: jax.Array, valid: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Deltas [B, R, 4] and shifts of coefficients [B, R, N] of objects of the first frame.

        Args:
          joined: [B, h, w, C] of `joined`.
          boxes: [B, R, 4] relative to the padded frame; no gradient.
          valid: [B, R] bool; the others cost nothing, and are 0.
        """
        boxes = jnp.where(valid[..., None], jax.lax.stop_gradient(boxes), 0)
        features = self.pool(joined, boxes)
        if self.is_initializing():
            deltas, coefficients = self(features.reshape(-1, *features.shape[2:]))
        else:
            # Layers cannot be called inside a loop; a copy without a scope can.
            own, variables = self.clone(parent=None), self.variables
            deltas, coefficients = map_valid(
                lambda x: own.apply(variables, x),
                features.reshape(-1, *features.shape[2:]),
                valid.reshape(-1),
                CHUNK,
            )
        return tuple(x.reshape(*valid.shape, -1) for x in (deltas, coefficients))


def roi_cells(boxes: jax.Array, height: int, width: int) -> jax.Array:
    """Boxes [..., 4], relative to a map of a size, as RoIs in cells.

    Corners are put in order; then the first one is not below 0, and the second one not beyond the
    map. Of a box outside the map that gives a RoI of no extent.
    """
    size = jnp.float32([width, height])
    low = jnp.minimum(boxes[..., :2], boxes[..., 2:]) * size
    high = jnp.maximum(boxes[..., :2], boxes[..., 2:]) * size
    return jnp.concatenate([jnp.maximum(low, 0), jnp.minimum(high, size)], axis=-1)


def shifted_boxes(boxes: jax.Array, deltas: jax.Array) -> jax.Array:
    """Boxes [..., 4] moved by deltas [..., 4]."""
    return EXCLUSIVE.decode(boxes, deltas, stds=STDS)


def box_shift_losses(
    deltas: jax.Array, reference: jax.Array, following: jax.Array, positive: jax.Array
) -> jax.Array:
    """Smooth L1 distance [R] of deltas to those between annotated boxes; 0 where not positive.

    Args:
      deltas: [R, 4].
      reference: [R, 4], annotated boxes in the first frame.
      following: [R, 4], those of the same objects in the next one.
      positive: [R] bool.
    """
    harmless = jnp.float32([0.0, 0.0, 1.0, 1.0])
    reference = jnp.where(positive[:, None], reference, harmless)
    following = jnp.where(positive[:, None], following, harmless)
    goals = EXCLUSIVE.encode(reference, following, stds=STDS)
    return smooth_l1(jnp.where(positive[:, None], deltas - goals, 0), 1.0).sum(-1)
