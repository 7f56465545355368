"""What CrossVIS learns from pairs of frames: positive points, their partners, masks to be drawn.

Both frames of B clips stand in one axis of 2B rows, all query frames first. P are slots for the
positive points of a frame. Source: Yang et al. 2021, section 3, and the published code.
"""

from collections.abc import Mapping, Sequence

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.heads.dynamic_mask import MaskItems, mask_losses, mask_targets
from ovis_jax.models.heads.fcos import (
    FCOSMaps,
    FCOSTargets,
    fcos_centerness_loss,
    fcos_class_loss,
    fcos_giou_loss,
)
from ovis_jax.models.matching import draw_partners, pair_matches
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.dynamic_masks import MaskNetwork
from ovis_jax.ops.masks import mask_centroids
from ovis_jax.ops.means import Mean
from ovis_jax.structures import Clips, Instances

FRAMES = ("query", "reference")
SCALE_IN_STRIDES = 8  # of relative coordinates: sizes of the objects that a level is for


@flax.struct.dataclass
class PairPredictions:
    """What the heads say of both frames, [2B, ...].

    Attributes:
      maps: of the FCOS head.
      networks: [2B, A, C], of the masks of all points.
      features: [2B, h, w, F], that masks are drawn on.
      embeddings: [2B, A, E].
    """

    maps: FCOSMaps
    networks: jax.Array
    features: jax.Array
    embeddings: jax.Array


@flax.struct.dataclass
class PointGrid:
    """The points of all levels, one level after the other.

    Attributes:
      places: [A, 2] as (x, y), pixels of the padded frame.
      strides: [A], pixels from point to point of the level.
    """

    places: jax.Array
    strides: jax.Array

    @property
    def scales(self) -> jax.Array:
        """[A], pixels that coordinates relative to a point are divided by."""
        return SCALE_IN_STRIDES * self.strides


@flax.struct.dataclass
class Positives:
    """The positive points of frames, level by level and row by row, [2B, P].

    Attributes:
      point: [2B, P] int32, number among all points.
      index: [2B, P] int32, the instance that it stands for.
      valid: [2B, P] bool.
    """

    point: jax.Array
    index: jax.Array
    valid: jax.Array


def swap_frames(rows):
    """Rows [2B, ...] with those of the other frame of the same clip in their places."""
    return jax.tree.map(lambda x: jnp.roll(x, len(x) // 2, axis=0), rows)


def slowed(tree, rate: float):
    """The same arrays, through which a part of the gradient passes."""

    def slow(x):
        fixed = jax.lax.stop_gradient(x)
        return fixed + rate * (x - fixed)

    return jax.tree.map(slow, tree)


def pair_instances(batch: Clips) -> Instances:
    """Instances [2B, N, ...] of both frames, of those that can be learned from.

    Boxes end inside the frame. An object without a pixel, or whose box is empty, is none, as in the
    published loader. Invalid slots are all zero.
    """
    frames = [batch.instances_of(number) for number in range(len(FRAMES))]
    stacked: Instances = jax.tree.map(lambda *x: jnp.concatenate(x), *frames)
    valid = stacked.valid
    boxes = jnp.where(valid[..., None], stacked.boxes, 0)
    boxes = jax.vmap(EXCLUSIVE.clip)(boxes, jnp.tile(batch.image_size, (len(FRAMES), 1)))
    _, pixels = mask_centroids(stacked.masks)
    valid = valid & (EXCLUSIVE.areas(boxes) > 0) & (pixels > 0)
    return Instances(
        boxes=jnp.where(valid[..., None], boxes, 0),
        labels=jnp.where(valid, stacked.labels, 0),
        identities=jnp.where(valid, stacked.identities, 0),
        masks=jnp.where(valid[..., None, None], stacked.masks, 0),
        valid=valid,
    )


def positive_points(targets: FCOSTargets, slots: int) -> Positives:
    """The first `slots` positive points of each frame, of targets [2B, A, ...]."""

    def of_frame(own: FCOSTargets) -> Positives:
        order = jnp.argsort(~own.positive, stable=True)[:slots]
        found = Positives(
            point=order.astype(jnp.int32), index=own.index[order], valid=own.positive[order]
        )
        return jax.tree.map(lambda x: jnp.pad(x, (0, slots - len(order))), found)

    return jax.vmap(of_frame)(targets)


def find_partners(
    positives: Positives, instances: Instances, draws: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """For each positive point one of the same object in the other frame, drawn by number.

    Args:
      positives: of both frames.
      instances: [2B, N, ...].
      draws: [B, 2, P] unsigned integers of query and reference frame; see `draw_partners`.

    Returns:
      [2B, P] int32, slots of the other frame, and which points have a partner, [2B, P] bool.
    """
    numbers = jnp.concatenate([draws[:, 0], draws[:, 1]])
    others = swap_frames(positives)
    return jax.vmap(draw_partners)(
        jax.vmap(pair_matches)(instances, swap_frames(instances)),
        (positives.index, positives.valid),
        (others.index, others.valid),
        numbers,
    )


def mask_items(predicted: PairPredictions, positives: Positives, grid: PointGrid) -> MaskItems:
    """The masks [2B, P] of positive points in their own frames."""
    image = jnp.arange(len(positives.valid), dtype=jnp.int32)[:, None]
    return MaskItems(
        params=jnp.take_along_axis(predicted.networks, positives.point[..., None], axis=1),
        points=grid.places[positives.point],
        scales=grid.scales[positives.point],
        image=jnp.broadcast_to(image, positives.valid.shape),
        index=positives.index,
    )


def crossover_items(own: MaskItems, partners: jax.Array) -> MaskItems:
    """Masks [2B, P] by the networks of one frame, at the places of their partners in the other.

    Args:
      own: of `mask_items`.
      partners: [2B, P] of `find_partners`.
    """
    places = swap_frames(own.replace(params=None))
    chosen = jax.vmap(lambda x, at: jax.tree.map(lambda field: field[at], x))(places, partners)
    return chosen.replace(params=own.params)


def mask_means(
    items: Mapping[str, tuple[MaskItems, jax.Array]],
    predicted: PairPredictions,
    instances: Instances,
    network: MaskNetwork,
) -> dict[str, Mean]:
    """Half of the mean dice of some kinds of masks, for each frame that points stand in.

    Args:
      items: by kind: masks [2B, P] to be drawn, and which are, [2B, P] bool.
      predicted: of both frames.
      instances: [2B, N, ...].
      network: of the masks.
    """
    each, valid = zip(*items.values(), strict=True)
    joined = jax.tree.map(lambda *x: jnp.stack(x).reshape(-1, *x[0].shape[2:]), *each)
    valid = jnp.stack(valid)  # [kinds, 2B, P]
    losses = mask_losses(
        joined, valid.reshape(-1), predicted.features, mask_targets(instances.masks), network
    )
    shape = (len(items), len(FRAMES), -1)
    totals, counts = losses.reshape(shape).sum(-1), valid.reshape(shape).sum(-1)
    return {
        f"{kind}_{frame}": Mean(totals[i, j] / 2, counts[i, j])
        for i, kind in enumerate(items)
        for j, frame in enumerate(FRAMES)
    }


def point_means(
    maps: FCOSMaps, targets: FCOSTargets, grid: PointGrid, focal: Sequence[float]
) -> dict[str, Mean]:
    """Half of the losses of classes, boxes and centerness, for each frame.

    Args:
      maps: of both frames.
      targets: [2B, A, ...].
      grid: of the points.
      focal: alpha and gamma of the loss of classes.
    """
    alpha, gamma = focal
    found = {}
    for number, frame in enumerate(FRAMES):
        half = len(targets.positive) // 2
        rows = slice(number * half, (number + 1) * half)
        own = jax.tree.map(lambda x, rows=rows: x[rows], targets)
        logits, distances, centerness = (
            x[rows] for x in (maps.logits, maps.distances, maps.centerness)
        )
        means = {
            "class": fcos_class_loss(logits, own, alpha=alpha, gamma=gamma, images_count=False),
            "box": fcos_giou_loss(distances, grid.strides, own),
            "centerness": fcos_centerness_loss(centerness, own),
        }
        for name, mean in means.items():
            found[f"{name}_{frame}"] = mean.replace(total=mean.total / 2)
    return found
