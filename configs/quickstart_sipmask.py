"""SipMask at the size of `quickstart`, on the same data and for as many steps.

What masks are made of learns slowly: basis maps end in ReLU, and AdamW at the full rate kills most
of them within some steps. Masks then stay constant in each quarter of their box, for hundreds of
steps or for ever.
"""

from ml_collections import ConfigDict

from configs import quickstart, sipmask_r50_ovis


def get_config():
    """Returns the locked configuration."""
    return sipmask().lock()


def sipmask() -> ConfigDict:
    """The network without calibration; unlocked."""
    config = quickstart.masktrack()
    config.capacity = sipmask_r50_ovis.capacity()
    config.capacity.update(
        instances=10,
        level_candidates=100,
        class_candidates=100,
        detections=20,
        tracks=100,
        positives=64,
    )
    config.model = sipmask_r50_ovis.model()
    model = config.model
    model.num_classes = 5
    model.backbone.update(depth=18, norm="group", width=16, frozen_stages=-1, stride_in_1x1=False)
    model.neck.update(channels=32, norm="group")
    model.fcos.channels = 32
    model.mask.update(num_basis=16, channels=64)
    model.track.update(channels=128, tower_channels=32)
    config.train.slowed = (("mask/basis0", 0.1), ("mask/basis1", 0.1), ("mask/coefficient", 0.1))
    return config
