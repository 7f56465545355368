"""MaskTrack R-CNN, ResNet-50-FPN, OVIS: the baseline without feature calibration."""

from configs import common


def get_config():
    """Returns the locked configuration."""
    return common.masktrack_rcnn_r50().lock()
