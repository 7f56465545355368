"""Which points of SipMask's head teach masks and embeddings. Source: its published code."""

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.heads import subregion_mask as mask_head
from ovis_jax.models.heads.fcos import FCOSMaps, FCOSTargets
from ovis_jax.ops.points import boxes_from_distances
from ovis_jax.structures import Instances


@flax.struct.dataclass
class PositivePoints:
    """Points that teach masks and embeddings, at the boxes that they predict.

    Attributes:
      boxes: [..., P, 4], pixels of the resized frame, without gradient.
      coefficients: [..., P, 4, C].
      index: [..., P] int32, each point's instance.
      weights: [..., P], of the mask loss.
      positive: [..., P] bool; the other slots count nowhere.
    """

    boxes: jax.Array
    coefficients: jax.Array
    index: jax.Array
    weights: jax.Array
    positive: jax.Array


def positive_points(
    maps: FCOSMaps,
    coefficients: jax.Array,
    points: jax.Array,
    targets: FCOSTargets,
    instances: Instances,
    capacity: int,
) -> PositivePoints:
    """The positive points of one image, as many as there is room for, from the finest level.

    Args:
      maps: [A, ...] of the image.
      coefficients: [A, 4, C], of masks.
      points: [A, 2], of all levels.
      targets: [A, ...].
      instances: [N, ...], with boxes that end inside the frame.
      capacity: P.
    """
    order = jnp.argsort(~targets.positive, stable=True)[:capacity]
    boxes = boxes_from_distances(points[order], maps.distances[order])
    boxes = jax.lax.stop_gradient(boxes)
    half, index = boxes / mask_head.BASIS_STRIDE, targets.index[order]
    positive = mask_head.teaches_mask(half, targets.positive[order])
    labels = jnp.where(positive, targets.labels[order], 0)
    own_logits = jnp.take_along_axis(maps.logits[order], labels[:, None], axis=1)[:, 0]
    weights = mask_head.mask_weights(
        jax.nn.sigmoid(own_logits),
        half,
        instances.boxes[index] / mask_head.BASIS_STRIDE,
        positive,
    )
    return PositivePoints(
        boxes=jnp.where(positive[:, None], boxes, 0),
        coefficients=coefficients[order],
        index=index,
        weights=weights,
        positive=positive,
    )
