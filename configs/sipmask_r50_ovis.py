"""SipMask, ResNet-50-FPN, OVIS: the published model for video with the classes of OVIS.

Optimisation is that of the other systems on OVIS, but for a longer warm-up and batch norms that
stay as they are. The published one for YouTube-VIS clips no gradients, and gives biases twice the
learning rate and no decay.
"""

from ovis_jax.configs.parts.sipmask import sipmask_r50


def get_config():
    """Returns the locked configuration."""
    return sipmask_r50().lock()
