"""CMaskTrack R-CNN with Swin-T, OVIS; optimised as the published detectors with Swin-T are."""

from ovis_jax.configs.parts.backbones import adamw_for_transformers
from ovis_jax.configs.parts.calibration import calibration
from ovis_jax.configs.parts.mask_track_rcnn import mask_track_rcnn_r50


def get_config():
    """Returns the locked configuration."""
    config = mask_track_rcnn_r50()
    config.model.backbone.update(name="swin_t", frozen_stages=-1)
    config.model.calibration = calibration()
    config.predict.reference_window = 5  # frames on either side, outputs averaged
    return adamw_for_transformers(config).lock()
