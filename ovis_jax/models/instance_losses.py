"""What IDOL learns from pairs of frames: queries for each object after each layer, and contrast.

S layers, B pairs, Q queries, N instances. Source: Wu et al. 2022, section 3, and the published
code.
"""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.deformable_transformer import DecodedQueries
from ovis_jax.models.heads import contrast
from ovis_jax.models.heads.dynamic_mask import MaskItems, mask_logits, mask_targets
from ovis_jax.models.matching import pair_matches
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.compact import map_valid
from ovis_jax.ops.dynamic_masks import MaskNetwork
from ovis_jax.ops.losses import linear_dice, sigmoid_focal
from ovis_jax.ops.means import Mean
from ovis_jax.ops.sim_ota import ADDED_TO_ENCLOSING, Assignment, QueryBoxes, sim_ota
from ovis_jax.structures import Instances

FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
CHUNK = 16  # masks that are computed together; more only need more memory


@dataclasses.dataclass(frozen=True)
class InstanceLosses:
    """What counts how much.

    Attributes:
      classes: weight of the focal loss of classes.
      box: of the distances of centres and sides, shares of the frame.
      giou: of 1 - GIoU.
      mask: of the focal loss of masks.
      dice: of masks.
      contrast: of embeddings.
      cosine: of their cosines.
      positives: best overlaps whose sum says how many queries an object has; also in the reference
        frame, where its embedding is compared with theirs.
      near: likewise, of queries in the reference frame that are not compared.
    """

    classes: float = 2.0
    box: float = 5.0
    giou: float = 2.0
    mask: float = 2.0
    dice: float = 5.0
    contrast: float = 2.0
    cosine: float = 3.0
    positives: int = 10
    near: int = 100


@flax.struct.dataclass
class FrameObjects:
    """The objects of frames as the losses read them; those that do not exist are all zero.

    Attributes:
      boxes: [B, N], of `QueryBoxes`.
      labels: [B, N] int32.
      valid: [B, N] bool.
    """

    boxes: QueryBoxes
    labels: jax.Array
    valid: jax.Array


@flax.struct.dataclass
class KeyQueries:
    """What queries say of the first frame of each pair.

    Attributes:
      decoded: [S, B, Q, ...].
      logits: [S, B, Q, K].
      networks: [S, B, Q, P].
      mask_features: [B, h, w, F].
    """

    decoded: DecodedQueries
    logits: jax.Array
    networks: jax.Array
    mask_features: jax.Array


@flax.struct.dataclass
class PairQueries:
    """What queries say of both frames of B clips.

    Attributes:
      key: of the first frames.
      reference_logits: [B, Q, K], of the last layer, of the second frames.
      reference_boxes: [B, Q, 4] likewise.
      embeddings: [2B, Q, E], those of the second frames last.
    """

    key: KeyQueries
    reference_logits: jax.Array
    reference_boxes: jax.Array
    embeddings: jax.Array


@flax.struct.dataclass
class KeyTargets:
    """Which queries stand for which objects of the first frame.

    Attributes:
      assigned: [S, B, ...], of `sim_ota`.
      positive: [S, B, Q] bool, the queries that stand for one.
      index: [S, B, Q] int32, its number; 0 for the others.
    """

    assigned: Assignment
    positive: jax.Array
    index: jax.Array


def frame_objects(instances: Instances, image_size: jax.Array) -> FrameObjects:
    """The objects [B, N] of frames of sizes [B, 2] (height, width)."""
    valid = instances.valid
    size = jnp.asarray(image_size, jnp.float32)[:, ::-1]
    sides = jnp.concatenate([size, size], axis=-1)[:, None]
    corners = jnp.where(valid[..., None], instances.boxes, 0) / sides
    low, high = corners[..., :2], corners[..., 2:]
    return FrameObjects(
        boxes=QueryBoxes.of(jnp.concatenate([(low + high) / 2, high - low], axis=-1)),
        labels=jnp.where(valid, instances.labels, 0),
        valid=valid,
    )


def key_targets(
    logits: jax.Array, boxes: jax.Array, objects: FrameObjects, best: int
) -> KeyTargets:
    """Targets after each layer, of logits [S, B, Q, K] and boxes [S, B, Q, 4]."""
    assign = jax.vmap(jax.vmap(_assign, (0, 0, 0, None)), (0, 0, None, None))
    assigned = assign(logits, boxes, objects, best)
    return KeyTargets(
        assigned=assigned,
        positive=assigned.matched.any(-1),
        index=assigned.matched.argmax(-1).astype(jnp.int32),
    )


def _assign(logits: jax.Array, boxes: jax.Array, objects: FrameObjects, best: int) -> Assignment:
    """Of one frame."""
    probs, queries = jax.nn.sigmoid(logits), QueryBoxes.of(boxes)
    return sim_ota(probs, queries, objects.labels, objects.boxes, objects.valid, best=best)


def query_means(
    key: KeyQueries, targets: KeyTargets, objects: FrameObjects, rule: InstanceLosses
) -> dict[str, list[Mean]]:
    """Losses of classes and boxes after each layer, each a mean over the queries of objects."""
    index, positive = targets.index, targets.positive
    of_frames = jax.vmap(lambda own, at: jax.tree.map(lambda x: x[at], own))
    own: FrameObjects = jax.vmap(of_frames, (None, 0))(objects, index)
    num_classes = key.logits.shape[-1]
    ones = (jnp.arange(num_classes) == own.labels[..., None]) & positive[..., None]
    classes = sigmoid_focal(key.logits, ones, FOCAL_ALPHA, FOCAL_GAMMA).sum((-3, -2, -1))
    boxes = jnp.where(positive[..., None], key.decoded.boxes, own.boxes.boxes)
    distances = jnp.abs(boxes - own.boxes.boxes).sum((-3, -2, -1))
    giou = 1 - EXCLUSIVE.paired_giou(
        QueryBoxes.of(boxes).corners, own.boxes.corners, added_to_enclosing=ADDED_TO_ENCLOSING
    )
    giou = jnp.sum(giou, axis=(-2, -1), where=positive)
    sums = {"class": rule.classes * classes, "box": rule.box * distances, "giou": rule.giou * giou}
    return {name: _means(own_sums, positive) for name, own_sums in sums.items()}


def mask_means(
    key: KeyQueries,
    targets: KeyTargets,
    instances: Instances,
    image_size: jax.Array,
    network: MaskNetwork,
    rule: InstanceLosses,
) -> dict[str, list[Mean]]:
    """Losses of the masks of the queries of objects, drawn from where each layer began to look."""
    index, positive = targets.index, targets.positive
    size = jnp.asarray(image_size, jnp.float32)[:, None, ::-1]
    image = jnp.arange(len(instances.valid), dtype=jnp.int32)[:, None]
    items = MaskItems(
        params=key.networks,
        points=key.decoded.places * size,
        scales=jnp.ones(index.shape),
        image=jnp.broadcast_to(image, index.shape),
        index=index,
    )
    items = jax.tree.map(lambda x: x.reshape(-1, *x.shape[3:]), items)
    masks = mask_targets(instances.masks)

    def losses(own: MaskItems) -> tuple[jax.Array, jax.Array]:
        features = key.mask_features[own.image]
        logits = mask_logits(features, own.params, own.points, own.scales, network)
        logits = logits.reshape(len(logits), -1)
        wanted = masks[own.image, own.index].reshape(logits.shape)
        focal = sigmoid_focal(logits, wanted, FOCAL_ALPHA, FOCAL_GAMMA).mean(-1)
        return focal, linear_dice(jax.nn.sigmoid(logits), wanted)

    found = map_valid(losses, items, positive.reshape(-1), CHUNK)
    focal, dice = (x.reshape(index.shape).sum((-2, -1)) for x in found)
    return {
        "mask": _means(rule.mask * focal, positive),
        "dice": _means(rule.dice * dice, positive),
    }


def _means(sums: jax.Array, positive: jax.Array) -> list[Mean]:
    """Of each layer, [S] sums over the queries of objects, [S, B, Q] bool."""
    counts = positive.sum((-2, -1))
    return [Mean(total, count) for total, count in zip(sums, counts, strict=True)]


@flax.struct.dataclass
class PairEmbeddings:
    """What is compared between the two frames of each pair.

    Attributes:
      own: [B, N, E], embedding of the cheapest query of each object in the first frame.
      others: [B, Q, E], of all queries in the second frame.
      positive: [B, N, Q] bool, queries of the object there.
      negative: [B, N, Q] bool, queries that are not near it.
      valid: [B, N] bool, objects of both frames.
    """

    own: jax.Array
    others: jax.Array
    positive: jax.Array
    negative: jax.Array
    valid: jax.Array


def in_reference(query: Instances, reference: Instances, image_size: jax.Array) -> FrameObjects:
    """The objects of the first frames [B, N], with their boxes in the second ones."""
    matches = jax.vmap(pair_matches)(query, reference)
    slot = jnp.maximum(matches - 1, 0)
    boxes = jnp.take_along_axis(reference.boxes, slot[..., None], axis=1)
    there = query.replace(boxes=boxes, valid=query.valid & (matches > 0), masks=None)
    return frame_objects(there, image_size)


def reference_choices(
    logits: jax.Array, boxes: jax.Array, objects: FrameObjects, rule: InstanceLosses
) -> tuple[jax.Array, jax.Array]:
    """Queries [B, N, Q] bool of the reference frame that stand for objects, and those near them.

    Args:
      logits: [B, Q, K] of the reference frame.
      boxes: [B, Q, 4].
      objects: [B, N] of `in_reference`.
      rule: how many.
    """
    assign = jax.vmap(_assign, (0, 0, 0, None))
    found = (assign(logits, boxes, objects, count).matched for count in (rule.positives, rule.near))
    positive, near = (jnp.swapaxes(x, 1, 2) for x in found)
    return positive, near


def contrast_means(pairs: PairEmbeddings, draws: jax.Array, rule: InstanceLosses):
    """Losses "contrast" and "cosine" by name, means over the objects of both frames.

    Args:
      pairs: of the frames.
      draws: [B, N, Q], which negatives cosines are compared with; see `some_negatives`.
      rule: weights.
    """
    own = jnp.where(pairs.valid[..., None], pairs.own, 0)
    products = contrast.products_of(own, pairs.others)
    cosines = contrast.cosines_of(own, pairs.others)
    chosen = contrast.some_negatives(pairs.negative, pairs.positive, draws)
    losses = {
        "contrast": rule.contrast
        * contrast.contrast_loss(products, pairs.positive, pairs.negative),
        "cosine": rule.cosine * contrast.cosine_loss(cosines, pairs.positive, chosen),
    }
    count = pairs.valid.sum()
    return {name: Mean(jnp.sum(x, where=pairs.valid), count) for name, x in losses.items()}
