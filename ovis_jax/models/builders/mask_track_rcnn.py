"""config.model of the two-stage detector to MaskTrack R-CNN or CMaskTrack R-CNN."""

from typing import Any

from ml_collections import ConfigDict

from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.models.builders.parts import (
    calibration_parts,
    reads_class_scores,
    rematerialised,
)
from ovis_jax.models.builders.two_stage import two_stage_parts
from ovis_jax.models.heads.occluder import OccluderBranch
from ovis_jax.models.heads.occlusion_level import OcclusionLevelHead
from ovis_jax.models.occlusion_losses import OcclusionLosses
from ovis_jax.models.systems.mask_track_rcnn import MaskTrackRCNN


def build(config: ConfigDict) -> MaskTrackRCNN:
    """The system; without `model.calibration` it is MaskTrack R-CNN."""
    return MaskTrackRCNN(
        **two_stage_parts(config, class_scores=True),
        **calibration_parts(config),
        **_occlusion(config.model),
        class_scores=reads_class_scores(config.model),
    )


def _occlusion(model: ConfigDict) -> dict[str, Any]:
    """What is added for occluded objects; the branch has as many layers as the mask head."""
    settings = dict(model.occlusion)
    branch, level = settings.pop("occluder"), _occlusion_level(settings, model)
    occluder = rematerialised(OccluderBranch, model)(
        num_convs=model.mask.num_convs, norm=model.mask.norm, dtype=model.dtype
    )
    return dict(
        occluder=occluder if branch else None,
        occlusion_level=level,
        occlusion_losses=OcclusionLosses(**settings),
    )


def _occlusion_level(settings: dict[str, Any], model: ConfigDict) -> OcclusionLevelHead | None:
    """The head of the settings' "level_" fields, which are taken out."""
    loss, channels, factors, sharpness = (
        settings.pop(f"level_{name}") for name in ("loss", "channels", "scores", "references")
    )
    factors = tuple(float(factor) for factor in factors)
    if len(factors) != len(OCCLUSION_LEVELS) or min(factors) < 0:
        raise ValueError(f"occlusion.level_scores is {factors}; expected 3 factors, 0 or more")
    if sharpness and model.calibration is None:
        raise ValueError("occlusion.level_references needs a calibration, which has references")
    if loss:
        return OcclusionLevelHead(channels, loss, factors, sharpness, model.dtype)
    if sharpness or factors != (1.0, 1.0, 1.0):
        raise ValueError(
            "occlusion.level_scores and level_references need the head of level_loss, which is 0"
        )
    return None
