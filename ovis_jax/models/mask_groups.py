"""Masks of the detections of a frame, group by group.

Masks are half of all work, and few frames have as many objects as fit.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.first_items import map_first
from ovis_jax.models.references import weighted_mean
from ovis_jax.ops.masks import select_class

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
      weights: [F], of the references in the average, or [F, D] for each RoI.
      count: [] int32.
    """

    def segment(system, own):
        rois, classes, *each = own
        logits = system.segment(calibrated, repeated_rois(rois, weights))
        mean = weighted_mean(logits, each[0].T if each else weights)
        return select_class(mean, classes)

    items = (rois, classes) if weights.ndim == 1 else (rois, classes, weights.T)
    return map_first(segment, system, items, count, size=GROUP, shape=(SIDE, SIDE))


def repeated_rois(rois: jax.Array, weights: jax.Array) -> jax.Array:
    """The same RoIs [R, 4] for every reference of weights [F], [F, R, 4]."""
    return jnp.broadcast_to(rois, (len(weights), *rois.shape))
