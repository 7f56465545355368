"""config.model of mask propagation to FEELVOS."""

from typing import Any

from ml_collections import ConfigDict

from ovis_jax.models.backbones.xception import PUBLISHED_WIDTH, Xception
from ovis_jax.models.builders.parts import rematerialised
from ovis_jax.models.builders.two_stage import two_stage_parts
from ovis_jax.models.heads.propagation import EmbeddingHead, PropagationHead
from ovis_jax.models.necks.deeplab import DeepLabDecoder, pooling_rates
from ovis_jax.models.systems.feelvos import Feelvos
from ovis_jax.tracking.propagation import PropagationRules

FEATURES = ("detector", "deeplab")
"""What features of pixels come from: the detector's pyramid, or a network of their own."""
_CHANNELS, _LOW_CHANNELS = 256, 48  # of DeepLab's decoder, in the published width


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
    shared = {"dtype": model.dtype}
    return Feelvos(
        **two_stage_parts(config),
        embedding=EmbeddingHead(**model.embedding, **shared),
        propagation=rematerialised(PropagationHead, model)(**model.propagation, **shared),
        rules=PropagationRules(**model.rules),
        max_objects=config.capacity.objects,
        reference_pixels=model.reference_pixels,
        radius=model.radius,
        hardest_share=model.hardest_share,
        **_pixel_features(model),
    )


def _pixel_features(model: ConfigDict) -> dict[str, Any]:
    """The network that features of pixels come from, if they have one of their own."""
    features = model.get("features", "detector")
    if features not in FEATURES:
        raise ValueError(f"features is {features!r}; expected one of {FEATURES}")
    if features == "detector":
        return {}
    xception = Xception(**model.deeplab, dtype=model.dtype, rematerialise=model.rematerialise)
    channels, low = (
        max(count * xception.width // PUBLISHED_WIDTH, 1) for count in (_CHANNELS, _LOW_CHANNELS)
    )
    deeplab = DeepLabDecoder(channels, low, pooling_rates(xception.output_stride))
    return {"xception": xception, "deeplab": deeplab}
