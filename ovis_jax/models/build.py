"""config.model to a system: explicit calls, the last place that knows what a config is."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.formats.errors import InputError
from ovis_jax.models.backbones.resnet import ResNet
from ovis_jax.models.calibration import TemporalCalibration
from ovis_jax.models.heads.box import BoxHead
from ovis_jax.models.heads.mask import MaskHead
from ovis_jax.models.heads.rpn import RPNHead
from ovis_jax.models.heads.track import TrackHead
from ovis_jax.models.necks.fpn import FPN
from ovis_jax.models.systems.mask_track_rcnn import Capacity, MaskTrackRCNN
from ovis_jax.tracking.cues import CueTracker

INIT_SIDE = 64


def build_system(config: ConfigDict) -> MaskTrackRCNN:
    """Builds the system of `config.model` with the sizes of `config.capacity`."""
    model = config.model
    shared = {"dtype": model.dtype}
    thrifty = nn.remat if model.rematerialise else lambda module: module
    calibration = None
    if model.calibration is not None:
        calibration = thrifty(TemporalCalibration)(**model.calibration, **shared)
    return MaskTrackRCNN(
        backbone=ResNet(**model.backbone, **shared, rematerialise=model.rematerialise),
        neck=FPN(**model.neck, **shared),
        rpn=RPNHead(**model.rpn, **shared),
        box=BoxHead(num_classes=model.num_classes, **model.box, **shared),
        mask=thrifty(MaskHead)(num_classes=model.num_classes, **model.mask, **shared),
        track=TrackHead(**model.track, **shared),
        calibration=calibration,
        tracker=CueTracker(inclusive=model.inclusive_boxes),
        capacity=Capacity(
            level_proposals=config.capacity.level_proposals,
            proposals=config.capacity.proposals,
            candidates=config.capacity.candidates,
            detections=config.capacity.detections,
            tracks=config.capacity.tracks,
        ),
        reference_window=config.predict.reference_window,
        inclusive_boxes=model.inclusive_boxes,
    )


def build_model(config: ConfigDict) -> tuple[nn.Module, dict]:
    """The system of `config.model` and the shapes of its variables.

    Raises:
      InputError: a part of the model does not take a value.
    """
    try:
        system = build_system(config)
        shapes = jax.eval_shape(lambda key: init_variables(system, key), jax.random.key(0))
    except (TypeError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(f"config.model: {type(error).__name__}: {reason}") from error
    return system, shapes


def init_variables(system: nn.Module, key: jax.Array) -> dict:
    """Freshly initialised variables: `params` and, with frozen batch norm, `batch_stats`."""
    images = jnp.zeros((1, INIT_SIDE, INIT_SIDE, 3))
    initialise = jax.jit(lambda k: system.init(k, images, method="initialise"))
    return initialise(key)
