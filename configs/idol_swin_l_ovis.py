"""IDOL, Swin-L, OVIS: the published model."""

from ovis_jax.configs.parts.idol import idol_r50


def get_config():
    """Returns the locked configuration."""
    config = idol_r50()
    config.model.backbone = dict(name="swin_l_mmdet", frozen_stages=-1)
    config.train.frozen = ()
    return config.lock()
