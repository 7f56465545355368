"""FEELVOS, Xception-65, OVIS: features of pixels come from DeepLabv3+, as published.

The detector is that of `feelvos_r50_ovis`. How FEELVOS was used for instances of videos was never
published; this is a reading (docs/feelvos.md).
"""

from ovis_jax.configs.parts.feelvos import feelvos_xception65


def get_config():
    """Returns the locked configuration."""
    return feelvos_xception65().lock()
