"""Masks of the detections of a frame, group by group.

Masks are half of all work, and few frames have as many objects as fit.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.heads.mask import select_class
from ovis_jax.models.references import weighted_mean

GROUP = 16  # detections whose masks are computed together
SIDE = 28  # cells of a mask


def grouped_masks(
    system: nn.Module,
    calibrated: Sequence[jax.Array],
    rois: jax.Array,
    classes: jax.Array,
    weights: jax.Array,
    count: jax.Array,
) -> jax.Array:
    """Mask logits [D, 28, 28] of the first `count` RoIs; zeros for the others.

    Args:
      system: has `segment(pyramid, rois)`, logits of RoIs [F, R, 4] on levels [F, h, w, C].
      calibrated: levels [F, h, w, C], one for each reference.
      rois: [D, 4].
      classes: [D] int32, the channel of each RoI's mask.
      weights: [F], of the references in the average.
      count: [] int32.
    """
    size = min(GROUP, len(rois))
    padding = -len(rois) % size
    rois, classes = jnp.pad(rois, ((0, padding), (0, 0))), jnp.pad(classes, (0, padding))

    def segment_group(system, state):
        number, masks = state
        own = jax.lax.dynamic_slice_in_dim(rois, number * size, size)
        logits = weighted_mean(system.segment(calibrated, repeated_rois(own, weights)), weights)
        own_classes = jax.lax.dynamic_slice_in_dim(classes, number * size, size)
        found = select_class(logits, own_classes)
        masks = jax.lax.dynamic_update_slice_in_dim(masks, found, number * size, axis=0)
        return number + 1, masks

    _, masks = nn.while_loop(
        lambda system, state: state[0] * size < count,
        segment_group,
        system,
        (jnp.int32(0), jnp.zeros((len(rois), SIDE, SIDE))),
    )
    return masks[: len(masks) - padding]


def repeated_rois(rois: jax.Array, weights: jax.Array) -> jax.Array:
    """The same RoIs [R, 4] for every reference of weights [F], [F, R, 4]."""
    return jnp.broadcast_to(rois, (len(weights), *rois.shape))
