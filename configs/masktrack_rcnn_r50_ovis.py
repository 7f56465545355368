"""MaskTrack R-CNN, ResNet-50-FPN, OVIS: the baseline without feature calibration."""

from ovis_jax.configs.parts.mask_track_rcnn import mask_track_rcnn_r50


def get_config():
    """Returns the locked configuration."""
    return mask_track_rcnn_r50().lock()
