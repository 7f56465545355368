"""MaskTrack R-CNN at the size of `quickstart`: the comparison without calibration."""

from ovis_jax.configs.parts import quickstart


def get_config():
    """Returns the locked configuration."""
    return quickstart.mask_track_rcnn().lock()
