"""IDOL, ResNet-50, OVIS: the published model."""

from ovis_jax.configs.parts.idol import idol_r50


def get_config():
    """Returns the locked configuration."""
    return idol_r50().lock()
