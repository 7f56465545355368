"""CMaskTrack R-CNN, ResNet-50-FPN, OVIS: MaskTrack R-CNN with temporal feature calibration."""

from ovis_jax.configs.parts.calibration import calibration
from ovis_jax.configs.parts.mask_track_rcnn import mask_track_rcnn_r50


def get_config():
    """Returns the locked configuration."""
    config = mask_track_rcnn_r50()
    config.model.calibration = calibration()
    config.predict.reference_window = 5  # frames on either side, outputs averaged
    return config.lock()
