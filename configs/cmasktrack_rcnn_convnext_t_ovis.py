"""CMaskTrack R-CNN with ConvNeXt-T, OVIS; optimised as that with Swin-T."""

from ovis_jax.configs import cmasktrack_rcnn_swin_t_ovis


def get_config():
    """Returns the locked configuration."""
    config = cmasktrack_rcnn_swin_t_ovis.get_config().unlock()
    config.model.backbone.name = "convnext_t"
    config.train.undecayed = ("**/norm*",)
    return config.lock()
