"""CMaskTrack R-CNN, ResNet-50-FPN, OVIS and pseudo-videos made of COCO images.

Objects of 18 of COCO's categories are used: those that are, or are part of, a category of OVIS.
"""

from ovis_jax.configs import cmasktrack_rcnn_r50_ovis


def get_config():
    """Returns the locked configuration."""
    config = cmasktrack_rcnn_r50_ovis.get_config().unlock()
    config.data.image_share = 0.35  # of the pairs; the others are OVIS's
    return config.lock()
