"""CrossVIS, ResNet-50-FPN, YouTube-VIS 2019: what the released files were trained for.

23000 steps of 16 pairs, as published ("1x"), from a detector with the same heads.
"""

from ovis_jax.configs.parts.crossvis import crossvis_r50
from ovis_jax.configs.parts.data import youtube_vis_2019


def get_config():
    """Returns the locked configuration."""
    config = crossvis_r50()
    config.data.update(youtube_vis_2019())
    config.model.num_classes = 40
    config.train.num_steps = 23000
    return config.lock()
