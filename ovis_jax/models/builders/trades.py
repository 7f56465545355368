"""config.model of the centre detector to TraDeS, on DLA-34 or on ResNet with FPN."""

from typing import Any

from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.models.backbones.dla import DLA
from ovis_jax.models.builders.parts import online_parts, rematerialised, sizes
from ovis_jax.models.heads.center import CenterHead
from ovis_jax.models.heads.seg_feature import SegFeature
from ovis_jax.models.motion import MotionHead
from ovis_jax.models.necks.dla_up import DLAUp
from ovis_jax.models.previous_heat import HeatNoise
from ovis_jax.models.systems.trades import TraDeS, TraDeSCapacity
from ovis_jax.tracking.center import CenterTracker

CENTERED = "centered"  # of `config.data.resize.fit`
TRUNKS = ("dla", "resnet")
NORMED = {"__call__": (2,)}  # place of `training`, which is no array


def build(config: ConfigDict) -> TraDeS:
    """The system.

    Raises:
      ValueError: frames are not centred on their canvas, boxes have a last pixel, or the trunk is
        unknown.
    """
    if config.data.resize.fit != CENTERED:
        raise ValueError(
            f"config.data.resize.fit: {config.data.resize.fit!r}, expected {CENTERED!r} for trades"
        )
    if config.data.inclusive_boxes:
        raise ValueError("config.data.inclusive_boxes: True, expected False for trades")
    model = config.model
    shared = {"dtype": model.dtype}
    seg = rematerialised(SegFeature, model, NORMED)(**model.seg, **shared)
    center = rematerialised(CenterHead, model)
    motion = rematerialised(MotionHead, model, {"__call__": (4,)})  # `training` is static
    return TraDeS(
        **_trunk(config),
        window_before=1,
        tracker=CenterTracker(**model.tracker),
        center=center(
            num_classes=model.num_classes,
            num_params=SegFeature(**model.seg).network.num_params,
            **model.center,
            **shared,
        ),
        seg=seg,
        motion=motion(**model.motion, **shared),
        noise=HeatNoise(**model.noise),
        capacity=sizes(TraDeSCapacity, config.capacity),
        **model.detect,
        **model.weights,
    )


def _trunk(config: ConfigDict) -> dict[str, Any]:
    """Backbone and neck, and what frames are normalised with."""
    model = config.model
    if model.trunk not in TRUNKS:
        raise ValueError(f"trunk is {model.trunk!r}; expected one of {TRUNKS}")
    if model.trunk == "resnet":
        return online_parts(config)
    return dict(
        backbone=_normed(DLA, model)(**model.backbone, dtype=model.dtype),
        neck=_normed(DLAUp, model)(**model.neck, dtype=model.dtype),
        pixel_mean=tuple(config.data.mean),
        pixel_std=tuple(config.data.std),
    )


def _normed(module: type[nn.Module], model: ConfigDict):
    return rematerialised(module, model, NORMED)
