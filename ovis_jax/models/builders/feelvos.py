"""config.model of mask propagation to FEELVOS."""

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import online_parts, rematerialised, sizes, tracker
from ovis_jax.models.heads.box import BoxHead
from ovis_jax.models.heads.mask import MaskHead
from ovis_jax.models.heads.propagation import EmbeddingHead, PropagationHead
from ovis_jax.models.heads.rpn import RPNHead
from ovis_jax.models.heads.track import TrackHead
from ovis_jax.models.systems.feelvos import Feelvos
from ovis_jax.models.systems.mask_track_rcnn import Capacity
from ovis_jax.ops.boxes import BoxConvention
from ovis_jax.tracking.propagation import PropagationRules


def build(config: ConfigDict) -> Feelvos:
    """The system.

    Raises:
      ValueError: training clips lack masks, or a setting makes no sense.
    """
    model, clip = config.model, config.data.clip
    if clip.mask_frames != clip.num_frames:
        raise ValueError(
            f"config.data.clip.mask_frames: {clip.mask_frames}, expected {clip.num_frames} for "
            "feelvos, as many as num_frames"
        )
    if not 0 < model.hardest_share <= 1:
        raise ValueError(f"hardest_share is {model.hardest_share}; expected 0 < it <= 1")
    convention = BoxConvention(inclusive=model.inclusive_boxes)
    shared = {"dtype": model.dtype}
    mask = rematerialised(MaskHead, model)
    return Feelvos(
        **online_parts(config),
        tracker=tracker(model, convention),
        rpn=RPNHead(**model.rpn, **shared),
        box=BoxHead(num_classes=model.num_classes, **model.box, **shared),
        mask=mask(num_classes=model.num_classes, **model.mask, **shared),
        track=TrackHead(**model.track, **shared),
        capacity=sizes(Capacity, config.capacity),
        convention=convention,
        embedding=EmbeddingHead(**model.embedding, **shared),
        propagation=rematerialised(PropagationHead, model)(**model.propagation, **shared),
        rules=PropagationRules(**model.rules),
        max_objects=config.capacity.objects,
        reference_pixels=model.reference_pixels,
        radius=model.radius,
        hardest_share=model.hardest_share,
    )
