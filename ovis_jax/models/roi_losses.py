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
from ovis_jax.structures import Clips


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
    instances, others = batch.instances_of(0), batch.instances_of(1)
    calibrated = system.calibrate(query, reference)
    logits, deltas = system.classify(calibrated, targets.boxes)
    box_class, box = box_head.box_loss(logits, deltas, targets)
    # All positives stand in the first slots, so only these reach the mask and track heads.
    positives = jax.tree.map(lambda x: x[:, : system.box.max_positive], targets)
    mask_features, occluder_logits = system.uncover(calibrated, positives.boxes)
    mask_logits = system.mask(mask_features)
    mask_targets = jax.vmap(mask_head.mask_targets, in_axes=(0, 0, 0, None))(
        instances.masks, positives.boxes, positives.index, mask_logits.shape[-2]
    )
    reference_boxes = jnp.where(others.valid[..., None], others.boxes, 0)
    matches, plain = jax.vmap(pair_matches)(instances, others), not system.track.calibrated
    losses = {
        "box_class": box_class,
        "box": box,
        "mask": mask_head.mask_loss(
            mask_logits, mask_targets, positives.classes, positives.positive
        ),
        "track": track_loss(
            system.embed(query if plain else calibrated, positives.boxes),
            system.embed(
                reference if plain else system.calibrate(reference, query), reference_boxes
            ),
            others.valid,
            jax.vmap(track_targets)(matches, positives.index, positives.positive),
            positives.positive,
        ),
    }
    losses |= occlusion_losses(
        system.occlusion_losses, deltas, targets, instances, system.convention
    )
    correct = (logits.argmax(-1) == targets.classes) & targets.positive
    metrics = {
        "positive_rois": Mean.of(targets.positive.sum(-1)),
        "positive_accuracy": Mean(correct.sum(), targets.positive.sum()),
    }
    if system.occluder is not None:
        losses["occluder"] = branch_loss(occluder_logits, instances, positives)
    if system.occlusion_level is not None:
        levels = jnp.take_along_axis(instances.occlusion, positives.index, axis=-1)
        losses["occlusion_level"], accuracies = system.occlusion_level.loss(
            system.occlusion_levels(query, positives.boxes), levels, positives.positive
        )
        metrics |= accuracies
    return losses, metrics
