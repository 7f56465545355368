"""IDOL, ResNet-50, YouTube-VIS 2019: what the released files were trained for.

Frames whose shorter side has 480 pixels; a mask that overlaps another one by half is dropped, and
every detection above 0.2 that continues no track starts one.
"""

from ovis_jax.configs.parts.data import youtube_vis_2019
from ovis_jax.configs.parts.idol import idol_r50


def get_config():
    """Returns the locked configuration."""
    config = idol_r50()
    config.data.update(youtube_vis_2019())
    config.data.image_scale = (853, 480)
    config.model.num_classes = 40
    config.model.selection.mask_nms = 0.5
    config.model.tracker.new_score = 0.2
    return config.lock()
