"""FEELVOS, ResNet-50-FPN, OVIS: mask propagation from the detections of MaskTrack R-CNN.

The recipe was never published; this is a reading (docs/feelvos.md).
"""

from ovis_jax.configs.parts.feelvos import feelvos_r50


def get_config():
    """Returns the locked configuration."""
    return feelvos_r50().lock()
