"""Losses of the heads of a two-stage detector that read RoIs."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.heads import box as box_head
from ovis_jax.models.heads import mask as mask_head
from ovis_jax.models.matching import pair_matches, track_loss, track_targets
from ovis_jax.models.occlusion_losses import branch_loss, occlusion_losses
from ovis_jax.ops.means import Mean
from ovis_jax.structures import Clips, Instances


def roi_losses(
    system: nn.Module,
    batch: Clips,
    query: Sequence[jax.Array],
    reference: Sequence[jax.Array],
    targets: box_head.BoxTargets,
) -> tuple[dict[str, Mean], dict[str, Mean]]:
    """Losses of the box, mask and track heads, and of what is added for occluded objects.

    Args:
      system: `MaskTrackRCNN`.
      batch: B clips; the second frame is the reference, later ones are not read.
      query: levels [B, h, w, C] of the query frames.
      reference: likewise.
      targets: sampled RoIs [B, R, ...] of the query frames.

    Returns:
      Losses and metrics by name.
    """
    instances = batch.instances_of(0)
    calibrated = system.calibrate(query, reference)
    logits, deltas = system.classify(calibrated, targets.boxes)
    box_class, box = box_head.box_loss(logits, deltas, targets)
    # All positives stand in the first slots, so only these reach the mask and track heads.
    positives = jax.tree.map(lambda x: x[:, : system.box.max_positive], targets)
    losses = {"box_class": box_class, "box": box}
    losses |= _mask_losses(system, calibrated, instances, positives)
    losses["track"] = _track_loss(system, batch, query, reference, calibrated, positives)
    losses |= occlusion_losses(
        system.occlusion_losses, deltas, targets, instances, system.convention
    )
    correct = (logits.argmax(-1) == targets.classes) & targets.positive
    metrics = {
        "positive_rois": Mean.of(targets.positive.sum(-1)),
        "positive_accuracy": Mean(correct.sum(), targets.positive.sum()),
    }
    if system.occlusion_level is not None:
        levels = jnp.take_along_axis(instances.occlusion, positives.index, axis=-1)
        losses["occlusion_level"], accuracies = system.occlusion_level.loss(
            system.occlusion_levels(query, positives.boxes), levels, positives.positive
        )
        metrics |= accuracies
    return losses, metrics


def _mask_losses(system, calibrated, instances: Instances, positives) -> dict[str, Mean]:
    """Of the masks of positive RoIs [B, P], and of those of their occluders."""
    features, occluder_logits = system.uncover(calibrated, positives.boxes)
    logits = system.mask(features)
    targets = jax.vmap(mask_head.mask_targets, in_axes=(0, 0, 0, None))(
        instances.masks, positives.boxes, positives.index, logits.shape[-2]
    )
    losses = {"mask": mask_head.mask_loss(logits, targets, positives.classes, positives.positive)}
    if system.occluder is not None:
        losses["occluder"] = branch_loss(occluder_logits, instances, positives)
    return losses


def _track_loss(system, batch: Clips, query, reference, calibrated, positives) -> Mean:
    """Of the partners of positive RoIs [B, P] among the objects of the reference frame."""
    instances, others = batch.instances_of(0), batch.instances_of(1)
    boxes = jnp.where(others.valid[..., None], others.boxes, 0)
    if system.track.calibrated:
        query, reference = calibrated, system.calibrate(reference, query)
    matches = jax.vmap(pair_matches)(instances, others)
    return track_loss(
        system.embed(query, positives.boxes),
        system.embed(reference, boxes),
        others.valid,
        jax.vmap(track_targets)(matches, positives.index, positives.positive),
        positives.positive,
    )
