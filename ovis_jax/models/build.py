"""config.model to a system: explicit calls, the last place that knows what a config is.

`model.dtype` is not that of the neck, which is always float32: it is a small part of the work, and
bfloat16 costs average precision there (`benchmarks.precision`).
"""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.formats.errors import InputError
from ovis_jax.models.backbones.resnet import ResNet
from ovis_jax.models.calibration import TemporalCalibration
from ovis_jax.models.heads.box import BoxHead
from ovis_jax.models.heads.fcos import FCOSHead
from ovis_jax.models.heads.mask import MaskHead
from ovis_jax.models.heads.rpn import RPNHead
from ovis_jax.models.heads.subregion_mask import SubregionMaskHead
from ovis_jax.models.heads.track import TrackHead
from ovis_jax.models.heads.track_map import TrackMapHead
from ovis_jax.models.necks.fpn import FPN
from ovis_jax.models.systems.mask_track_rcnn import Capacity, MaskTrackRCNN
from ovis_jax.models.systems.sipmask import SipMask, SipMaskCapacity
from ovis_jax.tracking.cues import CueTracker

INIT_SIDE = 64

_Sizes = TypeVar("_Sizes", Capacity, SipMaskCapacity)


def build_system(config: ConfigDict) -> nn.Module:
    """Builds the system of `config.model` with the sizes of `config.capacity`."""
    match config.model.system:
        case "mask_track_rcnn":
            return _mask_track_rcnn(config)
        case "sipmask":
            return _sipmask(config)
    raise ValueError(f"system is {config.model.system!r}; expected 'mask_track_rcnn' or 'sipmask'")


def _mask_track_rcnn(config: ConfigDict) -> MaskTrackRCNN:
    model = config.model
    shared = {"dtype": model.dtype}
    thrifty = _thrifty(model)
    return MaskTrackRCNN(
        **_base_arguments(config),
        tracker=CueTracker(inclusive=model.inclusive_boxes),
        rpn=RPNHead(**model.rpn, **shared),
        box=BoxHead(num_classes=model.num_classes, **model.box, **shared),
        mask=thrifty(MaskHead)(num_classes=model.num_classes, **model.mask, **shared),
        track=TrackHead(**model.track, **shared),
        capacity=_sizes(Capacity, config.capacity),
        inclusive_boxes=model.inclusive_boxes,
    )


def _sipmask(config: ConfigDict) -> SipMask:
    model = config.model
    shared = {"dtype": model.dtype}
    thrifty = _thrifty(model)
    return SipMask(
        **_base_arguments(config),
        tracker=CueTracker(inclusive=True),
        fcos=thrifty(FCOSHead)(num_classes=model.num_classes, **model.fcos, **shared),
        mask=SubregionMaskHead(**model.mask, **shared),
        track=thrifty(TrackMapHead)(**model.track, **shared),
        capacity=_sizes(SipMaskCapacity, config.capacity),
        **model.references,
    )


def _base_arguments(config: ConfigDict) -> dict[str, Any]:
    """Keyword arguments of `CalibratedSystem`: all but tracker and heads."""
    model = config.model
    return dict(
        backbone=ResNet(**model.backbone, dtype=model.dtype, rematerialise=model.rematerialise),
        neck=FPN(**model.neck),
        calibration=_calibration(model),
        pixel_mean=tuple(config.data.mean),
        pixel_std=tuple(config.data.std),
        reference_window=config.predict.reference_window,
    )


def _sizes(kind: type[_Sizes], capacity: ConfigDict) -> _Sizes:
    """What a kind of system needs of `config.capacity`."""
    return kind(**{field.name: capacity[field.name] for field in dataclasses.fields(kind)})


def _calibration(model: ConfigDict) -> TemporalCalibration | None:
    if model.calibration is None:
        return None
    return _thrifty(model)(TemporalCalibration)(**model.calibration, dtype=model.dtype)


def _thrifty(model: ConfigDict) -> Callable:
    """What makes a module keep only its inputs for the backward pass, if that is wanted."""
    return nn.remat if model.rematerialise else lambda module: module


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
    frames = jnp.zeros((1, INIT_SIDE, INIT_SIDE, 3), jnp.uint8)
    initialise = jax.jit(lambda k: system.init(k, frames, method="initialise"))
    return initialise(key)
