"""Videos of your own, on a CPU: MaskTrack R-CNN at the size of the quickstart.

The classes are those of the training annotations. It starts from nothing, or from a checkpoint of
`configs/quickstart_masktrack.py` with `--config.train.fresh="('classes',)"`.
"""

from ovis_jax.configs.parts.own_videos import own_videos
from ovis_jax.configs.parts.quickstart import mask_track_rcnn


def get_config():
    """Returns the locked configuration."""
    config = own_videos(mask_track_rcnn())
    config.train.update(num_steps=600, learning_rate=0.004, warmup_steps=50)
    return config.lock()
