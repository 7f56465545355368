"""CrossVIS, ResNet-50-FPN, OVIS: the published model with the classes and identities of OVIS.

Optimisation is the published one but for the length of the run: 12 epochs, as all systems here.
"""

from ovis_jax.configs.parts.crossvis import crossvis_r50


def get_config():
    """Returns the locked configuration."""
    return crossvis_r50().lock()
