"""QueryVIS, ResNet-50-FPN, OVIS: queries of every frame, linked as MaskTrack R-CNN links.

Its tracking was never published; docs/queryvis.md says which reading this is.
"""

from ovis_jax.configs.parts.queryvis import queryvis_r50


def get_config():
    """Returns the locked configuration."""
    return queryvis_r50().lock()
