"""MaskTrack R-CNN at the size of `quickstart`, whose detections IDOL's matcher links."""

from ovis_jax.configs.parts import quickstart
from ovis_jax.configs.parts.tracker import track_by_embeddings


def get_config():
    """Returns the locked configuration."""
    return track_by_embeddings(quickstart.mask_track_rcnn()).lock()
