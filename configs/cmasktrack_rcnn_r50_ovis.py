"""CMaskTrack R-CNN, ResNet-50-FPN, OVIS: MaskTrack R-CNN with temporal feature calibration."""

from configs import common


def get_config():
    """Returns the locked configuration."""
    config = common.masktrack_rcnn_r50()
    config.model.calibration = common.calibration()
    config.predict.reference_window = 5  # frames on either side, outputs averaged
    return config.lock()
