"""VidEoMT, ViT-B with DINOv2, YouTube-VIS 2019; see `videomt_vitl_ytvis2019`."""

from ovis_jax.configs.parts.videomt import youtube_vis_2019


def get_config():
    """Returns the locked configuration."""
    return youtube_vis_2019("base").lock()
