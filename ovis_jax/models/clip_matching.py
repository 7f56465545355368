"""Which query stands for which object of a clip, in all of its frames.

Source: the matcher of VidEoMT. Objects are given to queries frame by frame: those that appear for
the first time, to queries that have none yet. A pair holds in every frame of the clip.
"""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.heads.query_masks import QueryMasks
from ovis_jax.ops.bipartite import assign
from ovis_jax.ops.point_masks import pair_losses, sample_packed, sample_points
from ovis_jax.structures import Instances

_TAKEN = 1e6  # added to the cost of a query that stands for an object already
CLIP, LAST_FRAME = "clip", "last_frame"
LABELS = (CLIP, LAST_FRAME)


@flax.struct.dataclass
class ClipObjects:
    """The objects of a clip, in the order of their first appearance.

    Attributes:
      labels: [M] int32 in [0, K), what the class predictor learns; K: no object.
      matched_labels: [M] int32, likewise, what matching reads.
      visible: [T, M] bool: annotated in that frame.
      masks: [T, M, H, W // 8] uint8, packed; empty where the object is not visible.
      valid: [M] bool.
      lost: [] int32, objects for which there was no slot.
    """

    labels: jax.Array
    matched_labels: jax.Array
    visible: jax.Array
    masks: jax.Array
    valid: jax.Array
    lost: jax.Array


@flax.struct.dataclass
class CostWeights:
    """What the parts of a cost, and of the loss, count."""

    classes: float = 2.0
    mask: float = 5.0
    dice: float = 5.0


def clip_objects(instances: Instances, num_classes: int, labels: str = CLIP) -> ClipObjects:
    """Collects the objects of a clip from the slots of its frames.

    Args:
      instances: [T, N, ...] with masks of all T frames.
      num_classes: K.
      labels: CLIP: an object's class is that of any of its frames. LAST_FRAME, as published: an
        object that the last frame lacks has class K - 1 for the predictor, and none for matching.

    Returns:
      M = N objects at most.
    """
    num_frames, capacity = instances.valid.shape
    identities = instances.identities.reshape(-1)
    valid = instances.valid.reshape(-1)
    same = (identities[:, None] == identities) & valid[:, None] & valid
    first = valid & ~jnp.tril(same, -1).any(axis=1)
    place = jnp.where(first, jnp.cumsum(first) - 1, capacity)
    chosen = jnp.zeros(capacity, jnp.int32).at[place].set(jnp.arange(len(place)), mode="drop")
    exists = jnp.arange(capacity) < first.sum()
    slots = (instances.identities[:, None, :] == identities[chosen][:, None]) & (
        instances.valid[:, None, :] & exists[:, None]
    )  # [T, M, N]
    visible, slot = slots.any(-1), slots.argmax(-1)
    rows = jnp.arange(num_frames)[:, None]
    masks = jnp.where(visible[..., None, None], instances.masks[rows, slot], 0)
    own = jnp.where(exists, instances.labels.reshape(-1)[chosen], num_classes)
    learned = matched = own  # what nothing valid has is not read
    if labels == LAST_FRAME:
        absent = exists & ~visible[-1]
        learned = jnp.where(absent, num_classes - 1, own)
        matched = jnp.where(absent, num_classes, own)
    return ClipObjects(learned, matched, visible, masks, exists, first.sum() - exists.sum())


def match_clip(
    predicted: QueryMasks, objects: ClipObjects, points: jax.Array, weights: CostWeights
) -> tuple[jax.Array, jax.Array]:
    """Gives each object of a clip a query of its own.

    Args:
      predicted: of the frames, [T, Q, ...].
      objects: of the clip.
      points: [P, 2] at which masks are compared, (0, 0) to (1, 1).
      weights: of the parts of the cost.

    Returns:
      [M] int32, the query of each object; and [M] bool, the objects that have one.
    """
    costs = matching_costs(predicted, objects, points, weights)
    num_queries, num_objects = costs.shape[1:]

    def frame(state, item):
        query, matched, taken = state
        cost, visible = item
        new = visible & objects.valid & ~matched
        own, has = assign(cost + _TAKEN * taken[:, None], new)
        has = has & ~taken[own]
        query = jnp.where(has, own, query)
        taken = taken.at[jnp.where(has, own, num_queries)].set(True, mode="drop")
        return (query, matched | has, taken), None

    start = (
        jnp.zeros(num_objects, jnp.int32),
        jnp.zeros(num_objects, bool),
        jnp.zeros(num_queries, bool),
    )
    (query, matched, _), _ = jax.lax.scan(frame, start, (costs, objects.visible))
    return query, matched


def matching_costs(
    predicted: QueryMasks, objects: ClipObjects, points: jax.Array, weights: CostWeights
) -> jax.Array:
    """Costs [T, Q, M] of each query with each object in each frame; no gradient.

    Arguments as `match_clip`.
    """
    predicted = jax.lax.stop_gradient(predicted)
    probs = jax.nn.softmax(predicted.class_logits)
    logits = sample_points(predicted.mask_logits, points)
    targets = sample_packed(objects.masks, points)
    entropy, dice = pair_losses(logits, targets)
    own = jnp.take(probs, objects.matched_labels, axis=-1)
    return -weights.classes * own + weights.mask * entropy + weights.dice * dice
