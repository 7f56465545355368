"""The parts of the two-stage detector, which more than one system has."""

from typing import Any

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import online_parts, rematerialised, sizes, tracker
from ovis_jax.models.heads.box import BoxHead
from ovis_jax.models.heads.mask import MaskHead
from ovis_jax.models.heads.rpn import RPNHead
from ovis_jax.models.heads.track import TrackHead
from ovis_jax.models.systems.mask_track_rcnn import Capacity
from ovis_jax.ops.boxes import BoxConvention


def two_stage_parts(config: ConfigDict, *, class_scores: bool = False) -> dict[str, Any]:
    """Fields of `MaskTrackRCNN` that every system has which detects in two stages.

    Args:
      config: whole configuration.
      class_scores: see `parts.tracker`.
    """
    model = config.model
    convention = BoxConvention(inclusive=model.inclusive_boxes)
    shared = {"dtype": model.dtype}
    mask = rematerialised(MaskHead, model)
    return dict(
        **online_parts(config),
        tracker=tracker(model, convention, class_scores=class_scores),
        rpn=RPNHead(**model.rpn, **shared),
        box=BoxHead(num_classes=model.num_classes, **model.box, **shared),
        mask=mask(num_classes=model.num_classes, **model.mask, **shared),
        track=TrackHead(**model.track, **shared),
        capacity=sizes(Capacity, config.capacity),
        convention=convention,
    )
