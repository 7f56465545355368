"""STMask, ResNet-50-FPN, YouTube-VIS 2019: what the released files were trained for.

12 epochs, as published. Files with ResNet-101 and with FCB need `config.model.backbone.depth=101`,
`config.model.backbone.deformable_every=3` and `config.model.anchors.class_alignment=ada`.
"""

from ovis_jax.configs.parts.data import youtube_vis_2019
from ovis_jax.configs.parts.stmask import stmask_r50


def get_config():
    """Returns the locked configuration."""
    config = stmask_r50()
    config.data.update(youtube_vis_2019())
    config.model.num_classes = 40
    return config.lock()
