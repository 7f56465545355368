"""config.model of the one-stage detector to SipMask or CSipMask."""

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import (
    calibration_parts,
    online_parts,
    rematerialised,
    sizes,
    tracker,
)
from ovis_jax.models.heads.fcos import FCOSHead
from ovis_jax.models.heads.subregion_mask import SubregionMaskHead
from ovis_jax.models.heads.track_map import TrackMapHead
from ovis_jax.models.systems.sipmask import SipMask, SipMaskCapacity
from ovis_jax.ops.boxes import INCLUSIVE


def build(config: ConfigDict) -> SipMask:
    """The system; without `model.calibration` it is SipMask."""
    model = config.model
    shared = {"dtype": model.dtype}
    fcos, track = rematerialised(FCOSHead, model), rematerialised(TrackMapHead, model)
    return SipMask(
        **online_parts(config),
        **calibration_parts(config),
        tracker=tracker(model, INCLUSIVE),
        fcos=fcos(num_classes=model.num_classes, **model.fcos, **shared),
        mask=SubregionMaskHead(**model.mask, **shared),
        track=track(**model.track, **shared),
        capacity=sizes(SipMaskCapacity, config.capacity),
        **model.references,
    )
