"""STEm-Seg, ResNet-101-FPN, YouTube-VIS 2019: pixels of the canvas are clustered, ten tracks."""

from ovis_jax.configs.parts.stem_seg import youtube_vis_2019


def get_config():
    """Returns the locked configuration."""
    return youtube_vis_2019(101).lock()
