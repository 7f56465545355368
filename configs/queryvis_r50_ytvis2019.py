"""QueryVIS, ResNet-50-FPN, YouTube-VIS 2019: its 40 classes, and 10 detections a frame.

So many MaskTrack R-CNN, whose tracking this is, keeps on this data set.
"""

from ovis_jax.configs.parts.data import youtube_vis_2019
from ovis_jax.configs.parts.queryvis import queryvis_r50


def get_config():
    """Returns the locked configuration."""
    config = queryvis_r50()
    config.data.update(youtube_vis_2019())
    config.model.num_classes = 40
    config.capacity.detections = 10
    return config.lock()
