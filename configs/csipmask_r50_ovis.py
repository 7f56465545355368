"""CSipMask, ResNet-50-FPN, OVIS: SipMask with temporal feature calibration of every level.

No code of CSipMask was published. What is calibrated and how references are averaged is this
package's reading of the paper; `config.model.references` has its choices.
"""

from ovis_jax.configs.parts.calibration import calibration
from ovis_jax.configs.parts.sipmask import sipmask_r50


def get_config():
    """Returns the locked configuration."""
    config = sipmask_r50()
    config.data.reference_sampling = "window"
    config.model.calibration = calibration()
    config.predict.reference_window = 5  # frames on either side, outputs averaged
    return config.lock()
