"""VidEoMT, ViT-L with DINOv2, OVIS."""

from ovis_jax.configs.parts.videomt import videomt


def get_config():
    """Returns the locked configuration."""
    return videomt("large").lock()
