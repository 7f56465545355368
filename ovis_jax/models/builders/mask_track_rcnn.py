"""config.model of the two-stage detector to MaskTrack R-CNN or CMaskTrack R-CNN."""

from typing import Any

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import calibration_parts, rematerialised
from ovis_jax.models.builders.two_stage import two_stage_parts
from ovis_jax.models.heads.occluder import OccluderBranch
from ovis_jax.models.occlusion_losses import OcclusionLosses
from ovis_jax.models.systems.mask_track_rcnn import MaskTrackRCNN


def build(config: ConfigDict) -> MaskTrackRCNN:
    """The system; without `model.calibration` it is MaskTrack R-CNN."""
    return MaskTrackRCNN(
        **two_stage_parts(config), **calibration_parts(config), **_occlusion(config.model)
    )


def _occlusion(model: ConfigDict) -> dict[str, Any]:
    """What is added for occluded objects; the branch has as many layers as the mask head."""
    settings = dict(model.occlusion)
    branch = settings.pop("occluder")
    occluder = rematerialised(OccluderBranch, model)(
        num_convs=model.mask.num_convs, norm=model.mask.norm, dtype=model.dtype
    )
    return dict(occluder=occluder if branch else None, occlusion_losses=OcclusionLosses(**settings))
