"""TraDeS, ResNet-50-FPN, OVIS: the backbone that the OVIS paper names for all its experiments.

No file or recipe of this combination is published; everything but the backbone is as with DLA-34.
"""

from ovis_jax.configs.parts.trades import trades_r50


def get_config():
    """Returns the locked configuration."""
    return trades_r50().lock()
