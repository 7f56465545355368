"""config.model of the two-stage detector to MaskTrack R-CNN or CMaskTrack R-CNN."""

from typing import Any

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import (
    calibration_parts,
    online_parts,
    rematerialised,
    sizes,
    tracker,
)
from ovis_jax.models.heads.box import BoxHead
from ovis_jax.models.heads.mask import MaskHead
from ovis_jax.models.heads.occluder import OccluderBranch
from ovis_jax.models.heads.rpn import RPNHead
from ovis_jax.models.heads.track import TrackHead
from ovis_jax.models.occlusion_losses import OcclusionLosses
from ovis_jax.models.systems.mask_track_rcnn import Capacity, MaskTrackRCNN
from ovis_jax.ops.boxes import BoxConvention


def build(config: ConfigDict) -> MaskTrackRCNN:
    """The system; without `model.calibration` it is MaskTrack R-CNN."""
    return MaskTrackRCNN(
        **two_stage_parts(config), **calibration_parts(config), **_occlusion(config.model)
    )


def two_stage_parts(config: ConfigDict) -> dict[str, Any]:
    """Fields of `MaskTrackRCNN` that every system has which detects in two stages."""
    model = config.model
    convention = BoxConvention(inclusive=model.inclusive_boxes)
    shared = {"dtype": model.dtype}
    mask = rematerialised(MaskHead, model)
    return dict(
        **online_parts(config),
        tracker=tracker(model, convention),
        rpn=RPNHead(**model.rpn, **shared),
        box=BoxHead(num_classes=model.num_classes, **model.box, **shared),
        mask=mask(num_classes=model.num_classes, **model.mask, **shared),
        track=TrackHead(**model.track, **shared),
        capacity=sizes(Capacity, config.capacity),
        convention=convention,
    )


def _occlusion(model: ConfigDict) -> dict[str, Any]:
    """What is added for occluded objects; the branch has as many layers as the mask head."""
    settings = dict(model.occlusion)
    branch = settings.pop("occluder")
    occluder = rematerialised(OccluderBranch, model)(
        num_convs=model.mask.num_convs, norm=model.mask.norm, dtype=model.dtype
    )
    return dict(occluder=occluder if branch else None, occlusion_losses=OcclusionLosses(**settings))
