"""STMask, ResNet-101-FPN, OVIS: the published model ("STMask_plus_base") and its 20 epochs."""

from ovis_jax.configs.parts.stmask import stmask_r50, with_r101


def get_config():
    """Returns the locked configuration."""
    config = stmask_r50()
    with_r101(config)
    config.train.num_epochs = 20
    return config.lock()
