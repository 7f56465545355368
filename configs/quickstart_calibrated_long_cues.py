"""CMaskTrack R-CNN at the size of `quickstart`, linked by its cues with a longer memory."""

from ovis_jax.configs.parts import quickstart
from ovis_jax.configs.parts.tracker import track_by_long_cues


def get_config():
    """Returns the locked configuration."""
    return track_by_long_cues(quickstart.calibrated(quickstart.mask_track_rcnn())).lock()
