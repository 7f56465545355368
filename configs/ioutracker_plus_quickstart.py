"""IoUTracker+ at the size of `quickstart`: predicts from what `quickstart_masktrack` trained."""

from ovis_jax.configs.parts import quickstart
from ovis_jax.configs.parts.tracker import track_by_overlap


def get_config():
    """Returns the locked configuration."""
    return track_by_overlap(quickstart.mask_track_rcnn()).lock()
