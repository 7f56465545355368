"""TraDeS, DLA-34, YouTube-VIS 2019: the published recipe, 16 epochs from a detector of COCO."""

from ovis_jax.configs.parts.data import youtube_vis_2019
from ovis_jax.configs.parts.trades import trades_dla34


def get_config():
    """Returns the locked configuration."""
    config = trades_dla34()
    config.data.update(youtube_vis_2019())
    config.model.num_classes = 40
    return config.lock()
