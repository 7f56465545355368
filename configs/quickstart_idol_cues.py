"""`quickstart_idol`, whose detections MaskTrack R-CNN's matcher links."""

from ovis_jax.configs.parts import quickstart
from ovis_jax.configs.parts.tracker import track_by_cues


def get_config():
    """Returns the locked configuration."""
    return track_by_cues(quickstart.idol()).lock()
