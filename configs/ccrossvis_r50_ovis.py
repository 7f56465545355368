"""CCrossVIS, ResNet-50-FPN, OVIS: CrossVIS with temporal feature calibration of every level.

This package's own: nobody has published it. What is calibrated and how references are averaged is
said in docs/crossvis.md.
"""

from ovis_jax.configs.parts.calibration import calibration
from ovis_jax.configs.parts.crossvis import crossvis_r50


def get_config():
    """Returns the locked configuration."""
    config = crossvis_r50()
    config.data.reference_window = 5  # as calibration was published
    config.model.calibration = calibration()
    config.predict.reference_window = 5  # frames on either side, outputs averaged
    return config.lock()
