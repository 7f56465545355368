"""CMaskTrack R-CNN small enough to train from scratch on a CPU, on Occluded Shapes."""

from ovis_jax.configs.parts import quickstart


def get_config():
    """Returns the locked configuration."""
    return quickstart.calibrated(quickstart.mask_track_rcnn()).lock()
