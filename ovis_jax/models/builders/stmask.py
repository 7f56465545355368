"""config.model of the detector with anchors of several shapes to STMask."""

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import online_parts, rematerialised, sizes
from ovis_jax.models.heads.prototype_mask import PrototypeHead
from ovis_jax.models.heads.shape_anchors import AnchorLosses, ShapeAnchorHead
from ovis_jax.models.heads.track_shift import TrackShiftHead
from ovis_jax.models.stmask_pairs import PairLosses
from ovis_jax.models.systems.stmask import STMask, STMaskCapacity
from ovis_jax.ops.assign_anchors import AnchorThresholds
from ovis_jax.tracking.shifted import ShiftedTracker


def build(config: ConfigDict) -> STMask:
    """The system.

    Raises:
      ValueError: the data have boxes whose second corner is the edge behind the last pixel, or
        clips whose frames are not in the order of time.
    """
    if not config.data.inclusive_boxes:
        raise ValueError("config.data.inclusive_boxes: False, expected True for stmask")
    if not config.data.clip.in_order:
        raise ValueError("config.data.clip.in_order: False, expected True for stmask")
    model = config.model
    shared = {"dtype": model.dtype}
    anchors = rematerialised(ShapeAnchorHead, model)
    prototypes = rematerialised(PrototypeHead, model)
    shift = rematerialised(TrackShiftHead, model, {"shifts": ()})
    return STMask(
        **online_parts(config),
        tracker=ShiftedTracker(**model.tracker),
        window_before=1,
        anchors=anchors(
            num_classes=model.num_classes,
            num_coefficients=model.num_prototypes,
            **model.anchors,
            **shared,
        ),
        prototypes=prototypes(num_prototypes=model.num_prototypes, **model.prototypes, **shared),
        shift=shift(num_coefficients=model.num_prototypes, **model.shift, **shared),
        capacity=sizes(STMaskCapacity, config.capacity),
        thresholds=AnchorThresholds(**model.thresholds),
        anchor_losses=AnchorLosses(**model.anchor_losses),
        pair_losses=PairLosses(**model.pair_losses),
        **model.detect,
    )
