"""VidEoMT, ViT-L with DINOv2, YouTube-VIS 2019: shorter side 448, ten tracks a video."""

from ovis_jax.configs.parts.videomt import youtube_vis_2019


def get_config():
    """Returns the locked configuration."""
    return youtube_vis_2019("large").lock()
