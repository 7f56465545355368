"""config.model of the one-stage detector to SipMask or CSipMask."""

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import (
    calibration_parts,
    online_parts,
    rematerialised,
    sizes,
    tracker,
)
from ovis_jax.models.feature_align import FeatureAlignment
from ovis_jax.models.heads.fcos import FCOSHead
from ovis_jax.models.heads.subregion_mask import SubregionMaskHead
from ovis_jax.models.heads.track_map import TrackMapHead
from ovis_jax.models.systems.sipmask import SipMask, SipMaskCapacity
from ovis_jax.ops.boxes import INCLUSIVE


def build(config: ConfigDict) -> SipMask:
    """The system; without `model.calibration` it is SipMask.

    Raises:
      ValueError: the data have boxes whose second corner is the edge behind the last pixel.
    """
    if not config.data.inclusive_boxes:
        raise ValueError("config.data.inclusive_boxes: False, expected True for sipmask")
    model = config.model
    shared = {"dtype": model.dtype}
    track = rematerialised(TrackMapHead, model)
    return SipMask(
        **online_parts(config),
        **calibration_parts(config),
        tracker=tracker(model, INCLUSIVE),
        fcos=_fcos(model),
        mask=SubregionMaskHead(**model.mask, **shared),
        track=track(**model.track, **shared),
        capacity=sizes(SipMaskCapacity, config.capacity),
        **model.references,
    )


def _fcos(model: ConfigDict) -> FCOSHead:
    """The head with the alignment of its class features, whose groups stand among its settings."""
    settings = dict(model.fcos)
    align = FeatureAlignment(groups=settings.pop("align_groups"), dtype=model.dtype)
    head = rematerialised(FCOSHead, model)
    return head(num_classes=model.num_classes, align=align, **settings, dtype=model.dtype)
