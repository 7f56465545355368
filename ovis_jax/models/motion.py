"""What one frame tells about the next: how far cells have moved, and features that moved along.

Source: TraDeS, sections 4.1 (cost volume) and 4.2 (motion-guided feature warping).
"""

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm, torch_uniform
from ovis_jax.ops import implementations
from ovis_jax.ops.cost_volume import cost_volume_maxima, expected_offsets
from ovis_jax.ops.deform_conv import deform_conv
from ovis_jax.ops.gaussians import box_radius, gaussian_row
from ovis_jax.ops.means import Mean

POOLED = 2  # cells of the map, along each side, that share a cell of the cost volume
TAPS = 9  # of the convolution that moves features


@flax.struct.dataclass
class Motion:
    """What two frames say of each other, [B, ...].

    Attributes:
      enhanced: [B, h, w, C], the map of the current frame, with features of the previous one.
      offsets: [B, h, w, 2] as (x, y) in cells, from the current to the previous frame.
      embeddings: [B, h, w, E] of the current frame, not normalised.
      by_row: [B, h / 2 * w / 2, h / 2], maxima of the cost volume.
      by_column: [B, h / 2 * w / 2, w / 2], likewise.
    """

    enhanced: jax.Array
    offsets: jax.Array
    embeddings: jax.Array
    by_row: jax.Array
    by_column: jax.Array


class DifferenceBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, of the difference between two frames."""

    channels: int
    norm: str
    group_rows: int
    dtype: str

    @nn.compact
    def __call__(self, x: jax.Array, training: bool) -> jax.Array:
        """Maps [B, h, w, C] to [B, h, w, channels]."""

        def conv(kernel_size, name):
            return ConvNorm(
                self.channels, kernel_size, 1, self.norm, self.dtype, self.group_rows, name=name
            )

        y = nn.relu(conv(3, "conv1")(x, training))
        y = conv(3, "conv2")(y, training)
        if x.shape[-1] != self.channels:
            x = conv(1, "shortcut")(x, training)
        return nn.relu(x + y)


class MotionHead(nn.Module):
    """Compares a frame with the one before it and joins what both show.

    Attributes:
      channels: of the embeddings and of the differences.
      num_blocks: of the network that reads the difference.
      temperature: factor on the maxima of the cost volume before their softmax.
      norm: of convolutions, one of `layers.NORMS`.
      group_rows: of a norm "batch"; see `BatchNorm`.
      dtype: of convolutions; the cost volume, offsets and the joining are float32.
    """

    channels: int = 128
    num_blocks: int = 4
    temperature: float = 5.0
    norm: str = "batch"
    group_rows: int = 0
    dtype: str = "float32"

    def setup(self):
        """Makes the layers, all but those of as many channels as the features have."""
        layer = {"norm": self.norm, "dtype": self.dtype, "group_rows": self.group_rows}
        self.embed1 = ConvNorm(self.channels, 1, use_bias=True, **layer)
        self.embed2 = ConvNorm(self.channels, 3, use_bias=True, **layer)
        self.embed3 = nn.Conv(self.channels, (1, 1), dtype="float32")
        self.differences = [DifferenceBlock(self.channels, **layer) for _ in range(self.num_blocks)]
        self.rows = nn.Conv(TAPS, (3, 3), dtype="float32")
        self.columns = nn.Conv(TAPS, (3, 3), dtype="float32")
        self.warp = Warp()
        self.attend_current = nn.Conv(1, (3, 3), dtype="float32")
        self.attend_previous = nn.Conv(1, (3, 3), dtype="float32")

    def embed(self, features: jax.Array, training: bool) -> jax.Array:
        """Maps [B, h, w, C] to embeddings [B, h, w, channels]."""
        x = nn.relu(self.embed1(features, training))
        x = nn.relu(self.embed2(x, training))
        return self.embed3(x)

    def difference(self, current: jax.Array, previous: jax.Array, training: bool) -> jax.Array:
        """What has changed between two maps [B, h, w, C], as [B, h, w, channels]."""
        x = current - previous
        for block in self.differences:
            x = block(x, training)
        return x

    def tap_offsets(self, offsets: jax.Array, difference: jax.Array) -> jax.Array:
        """How far each tap reads from its place, [B, h, w, 18] as (dy, dx) of each tap in cells."""
        along_y = self.rows(jnp.concatenate([offsets[..., 1:], difference], axis=-1))
        along_x = self.columns(jnp.concatenate([offsets[..., :1], difference], axis=-1))
        return jnp.stack([along_y, along_x], axis=-1).reshape(*offsets.shape[:-1], 2 * TAPS)

    def join(self, current: jax.Array, moved: jax.Array) -> jax.Array:
        """Mean of two maps [B, h, w, C] with weights that each cell chooses."""
        logits = [self.attend_current(current), self.attend_previous(moved)]
        weights = jax.nn.softmax(jnp.concatenate(logits, axis=-1))
        return weights[..., :1] * current + weights[..., 1:] * moved

    def __call__(
        self, current: jax.Array, previous: jax.Array, heat: jax.Array, training: bool = False
    ) -> Motion:
        """What the previous frame adds to the current one.

        Args:
          current: [B, h, w, C] float32, h and w even.
          previous: likewise; the current map where there is no frame before.
          heat: [B, h, w] in [0, 1], where the previous frame is worth looking at.
          training: of the norms; see `BatchNorm`.
        """
        embeddings = self.embed(current, training)
        maxima = jax.vmap(cost_volume_maxima)(
            pooled(embeddings), pooled(self.embed(previous, training))
        )
        offsets = jax.vmap(lambda *x: expected_offsets(*x, self.temperature))(*maxima)
        offsets = POOLED * jnp.repeat(jnp.repeat(offsets, POOLED, axis=1), POOLED, axis=2)
        difference = self.difference(current, previous, training)
        taps = self.tap_offsets(offsets, difference.astype(jnp.float32))
        moved = self.warp(previous * heat[..., None], taps)
        return Motion(self.join(current, moved), offsets, embeddings, *maxima)


class Warp(nn.Module):
    """Deformable 3x3 convolution with a bias, as many channels out as in."""

    @nn.compact
    def __call__(self, features: jax.Array, offsets: jax.Array) -> jax.Array:
        """Maps features [B, h, w, C] and offsets [B, h, w, 18] to [B, h, w, C]."""
        channels = features.shape[-1]
        kernel = self.param("kernel", torch_uniform, (3, 3, channels, channels))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        return deform_conv(features, offsets, kernel) + bias


def pooled(x: jax.Array) -> jax.Array:
    """Largest of each 2x2 cells: [B, h, w, E] to [B, h / 2, w / 2, E]."""
    return implementations.max_pool()(x, POOLED, POOLED, 0)


@flax.struct.dataclass
class MotionTargets:
    """Where the objects of a frame were in the previous one, in cells of the cost volume.

    Attributes:
      cell: [N] int32, of the object's centre in the current frame, row by row.
      row: [N] int32, of its centre in the previous frame.
      column: [N] int32, likewise.
      kept_rows: [N, h], factors on the logits of the rows: less near the object's own row.
      kept_columns: [N, w], likewise.
      valid: [N] bool, the object is in both frames.
    """

    cell: jax.Array
    row: jax.Array
    column: jax.Array
    kept_rows: jax.Array
    kept_columns: jax.Array
    valid: jax.Array


def motion_targets(
    centers: jax.Array,
    sizes: jax.Array,
    previous_centers: jax.Array,
    valid: jax.Array,
    shape: tuple[int, int],
) -> MotionTargets:
    """Targets of the objects of one frame.

    Of objects that share a cell the last one says what all of them keep, as in the published code.

    Args:
      centers: [N, 2] as (x, y), whole cells of the map.
      sizes: [N, 2] as (width, height) in cells of the map, of the current frame.
      previous_centers: [N, 2], places on the map of the previous frame.
      valid: [N] bool, the object is in both; in other slots anything may stand.
      shape: (h, w) of the map.
    """
    height, width = (side // POOLED for side in shape)
    centers, previous_centers, sizes = (
        jnp.where(valid[:, None], x, 0) for x in (centers, previous_centers, sizes)
    )
    column, row = jnp.moveaxis(jnp.trunc(previous_centers / POOLED), -1, 0)
    own = jnp.trunc(centers / POOLED)
    cell = jnp.where(valid, own[:, 1] * width + own[:, 0], -1 - jnp.arange(len(valid)))
    radius = box_radius(sizes / POOLED)
    keeps = []
    for center, length in ((row, height), (column, width)):
        near = gaussian_row(center, radius, length)
        keeps.append(jnp.where(jnp.arange(length) == center[:, None], 1, 1 - near))
    order = jnp.arange(len(valid))
    last = jnp.max(jnp.where(cell[:, None] == cell, order, 0), axis=1)
    return MotionTargets(
        cell=jnp.where(valid, cell, 0).astype(jnp.int32),
        row=row.astype(jnp.int32),
        column=column.astype(jnp.int32),
        kept_rows=keeps[0][last],
        kept_columns=keeps[1][last],
        valid=valid,
    )


def motion_losses(
    by_row: jax.Array, by_column: jax.Array, targets: MotionTargets
) -> tuple[Mean, Mean]:
    """Focal losses of the row and the column in which objects were; the count is that of objects.

    Args:
      by_row: [B, h * w, h], maxima of the cost volume; no temperature here.
      by_column: [B, h * w, w].
      targets: MotionTargets [B, N, ...].
    """
    return tuple(
        motion_loss(maxima, targets.cell, place, keep, targets.valid)
        for maxima, place, keep in (
            (by_row, targets.row, targets.kept_rows),
            (by_column, targets.column, targets.kept_columns),
        )
    )


def motion_loss(
    maxima: jax.Array, cell: jax.Array, place: jax.Array, keep: jax.Array, valid: jax.Array
) -> Mean:
    """-(1 - s)^2 log s of the softmax s at each object's place.

    Args:
      maxima: [B, cells, L], logits.
      cell: [B, N] int32, whose logits an object reads.
      place: [B, N] int32 in [0, L).
      keep: [B, N, L], factors on the logits.
      valid: [B, N] bool; other slots neither count nor receive a gradient.
    """
    logits = jnp.take_along_axis(maxima, jnp.where(valid, cell, 0)[..., None], axis=1)
    logits = jnp.where(valid[..., None], logits, 0) * jnp.where(valid[..., None], keep, 1)
    log_probs = jax.nn.log_softmax(logits)
    place = jnp.where(valid, place, 0)[..., None]
    own = jnp.take_along_axis(log_probs, place, axis=-1)[..., 0]
    loss = -((1 - jnp.exp(own)) ** 2) * own
    return Mean(jnp.sum(jnp.where(valid, loss, 0)), jnp.sum(valid))
