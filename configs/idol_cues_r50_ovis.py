"""IDOL, ResNet-50, OVIS, whose detections MaskTrack R-CNN's matcher links."""

from ovis_jax.configs.parts.idol import idol_r50
from ovis_jax.configs.parts.tracker import track_by_cues


def get_config():
    """Returns the locked configuration."""
    return track_by_cues(idol_r50()).lock()
