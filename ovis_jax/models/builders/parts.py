"""What the builders share: the parts of a model that more than one system has.

`model.dtype` is not that of the neck, which is always float32: it is a small part of the work, and
bfloat16 costs average precision there (`benchmarks.precision`).
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.models.backbones.named import named_backbone
from ovis_jax.models.calibration import TemporalCalibration
from ovis_jax.models.necks.fpn import FPN
from ovis_jax.ops.boxes import BoxConvention
from ovis_jax.tracking.bisoftmax import BisoftmaxTracker
from ovis_jax.tracking.cues import CueTracker
from ovis_jax.tracking.iou import IoUTracker
from ovis_jax.tracking.long_cues import LongCueTracker
from ovis_jax.tracking.short_tracks import ShortTracks
from ovis_jax.tracking.similarity import SimilarityTracker
from ovis_jax.tracking.tracker import Tracker

_Sizes = TypeVar("_Sizes")


def bisoftmax(
    convention: BoxConvention, short_tracks: Mapping[str, int], **settings: Any
) -> BisoftmaxTracker:
    """The linker that compares no boxes, so that their convention means nothing."""
    del convention
    return BisoftmaxTracker(**settings, short_tracks=ShortTracks(**short_tracks))


LINKERS: dict[str, Callable[..., Tracker]] = {
    "cues": CueTracker,
    "iou": IoUTracker,
    "similarity": SimilarityTracker,
    "bisoftmax": bisoftmax,
    "long_cues": LongCueTracker,
}


def online_parts(config: ConfigDict, neck: nn.Module | None = None) -> dict[str, Any]:
    """Keyword arguments of `OnlineSystem`, all but the tracker; the neck is an FPN unless given."""
    model = config.model
    return dict(
        backbone=named_backbone(
            model.backbone, dtype=model.dtype, rematerialise=model.rematerialise
        ),
        neck=FPN(**model.neck) if neck is None else neck,
        pixel_mean=tuple(config.data.mean),
        pixel_std=tuple(config.data.std),
    )


def check_canvas(config: ConfigDict, stride: int) -> None:
    """Raises ValueError unless every canvas has a whole number of a network's coarsest cells.

    Args:
      config: whole configuration.
      stride: of those cells, in pixels.
    """
    multiple = config.data.pad_multiple
    if multiple % stride:
        raise ValueError(f"config.data.pad_multiple: {multiple}, expected a multiple of {stride}")


def tracker(model: ConfigDict, convention: BoxConvention, *, class_scores: bool = False) -> Tracker:
    """The linker of `model.linker` with the settings of `model.tracker`.

    Args:
      model: settings of the model.
      convention: of boxes.
      class_scores: the system gives them, if the linker's track rule reads them.
    """
    if model.linker not in LINKERS:
        raise ValueError(f"linker is {model.linker!r}; expected one of {tuple(LINKERS)}")
    if reads_class_scores(model) and not class_scores:
        raise ValueError(
            f"tracker.classes is {model.tracker.classes!r}, which needs probabilities of all "
            f"classes; {model.system} does not give them, only mask_track_rcnn does"
        )
    return LINKERS[model.linker](**model.tracker, convention=convention)


def reads_class_scores(model: ConfigDict) -> bool:
    """Whether the class of a track is told from the probabilities of all classes."""
    return model.tracker.get("classes", "majority") != "majority"


def calibration_parts(config: ConfigDict) -> dict[str, Any]:
    """Keyword arguments of a system that calibrates with the frames on either side."""
    reach = config.predict.reference_window
    calibration = _calibration(config.model)
    return dict(calibration=calibration, window_before=reach, window_after=reach)


def _calibration(model: ConfigDict) -> TemporalCalibration | None:
    if model.calibration is None:
        return None
    return rematerialised(TemporalCalibration, model)(**model.calibration, dtype=model.dtype)


def rematerialised(
    module: type[nn.Module],
    model: ConfigDict,
    methods: Mapping[str, tuple[int, ...]] = MappingProxyType({"__call__": ()}),
) -> Callable[..., nn.Module]:
    """The module, keeping only its inputs for the backward pass if `model.rematerialise`.

    Args:
      module: a part of a model.
      model: its settings.
      methods: those that keep only their inputs, with the places of arguments that are no arrays.
    """
    if not model.rematerialise:
        return module
    for method, static in methods.items():
        module = nn.remat(module, methods=[method], static_argnums=static)
    return module


def sizes(kind: type[_Sizes], capacity: ConfigDict) -> _Sizes:
    """What a kind of system needs of `config.capacity`."""
    return kind(**{field.name: capacity[field.name] for field in dataclasses.fields(kind)})
