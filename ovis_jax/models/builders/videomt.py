"""config.model of the vision transformer with queries to VidEoMT."""

from ml_collections import ConfigDict

from ovis_jax.models.backbones.vit import VisionTransformer
from ovis_jax.models.builders.parts import check_canvas, rematerialised
from ovis_jax.models.clip_matching import LABELS, CostWeights
from ovis_jax.models.heads.query_masks import QueryMaskHead
from ovis_jax.models.query_losses import QueryLosses
from ovis_jax.models.systems.videomt import VidEoMT


def build(config: ConfigDict) -> VidEoMT:
    """The system.

    Raises:
      ValueError: training clips lack masks, frames have no whole number of patches, or there is no
        such choice of labels.
    """
    model, clip = config.model, config.data.clip
    if clip.mask_frames != clip.num_frames:
        raise ValueError(
            f"config.data.clip.mask_frames: {clip.mask_frames}, expected {clip.num_frames} for "
            "videomt, as many as num_frames"
        )
    check_canvas(config, model.encoder.patch)
    if model.labels not in LABELS:
        raise ValueError(f"labels is {model.labels!r}; expected one of {LABELS}")
    criterion = dict(model.criterion)
    weights = CostWeights(**criterion.pop("weights"))
    return VidEoMT(
        encoder=VisionTransformer(
            **model.encoder, dtype=model.dtype, rematerialise=model.rematerialise
        ),
        head=rematerialised(QueryMaskHead, model)(
            num_classes=model.num_classes,
            width=model.encoder.width,
            dtype=model.dtype,
            **model.head,
        ),
        criterion=QueryLosses(**criterion, weights=weights),
        pixel_mean=tuple(config.data.mean),
        pixel_std=tuple(config.data.std),
        max_results=model.max_results,
        normed_queries=model.normed_queries,
        labels=model.labels,
        skip_last_auxiliary=model.skip_last_auxiliary,
        mix_clips=model.mix_clips,
    )
