"""STMask, ResNet-50-FPN, OVIS: the published model and its 20 epochs."""

from ovis_jax.configs.parts.stmask import stmask_r50


def get_config():
    """Returns the locked configuration."""
    config = stmask_r50()
    config.train.num_epochs = 20
    return config.lock()
