"""IoUTracker+, ResNet-50-FPN, OVIS: the detections of MaskTrack R-CNN, linked by boxes alone.

No code of it was published; `config.model.tracker` holds both readings (docs/ioutracker.md). The
parameters are those of MaskTrack R-CNN: its track head stays in the model, and is not read.
"""

from ovis_jax.configs.parts.mask_track_rcnn import mask_track_rcnn_r50
from ovis_jax.configs.parts.tracker import track_by_overlap


def get_config():
    """Returns the locked configuration."""
    return track_by_overlap(mask_track_rcnn_r50()).lock()
