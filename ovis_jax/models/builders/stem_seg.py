"""config.model of the clustering of clips to STEm-Seg."""

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import check_canvas, online_parts, rematerialised
from ovis_jax.models.clip_pixels import LossWeights
from ovis_jax.models.heads.cluster_embedding import ClusterEmbeddingHead
from ovis_jax.models.heads.semantic import SemanticHead
from ovis_jax.models.systems.stem_seg import StemSeg
from ovis_jax.ops.clip_schedule import ClipSchedule
from ovis_jax.ops.clustering import ClusterRules
from ovis_jax.tracking.stitch import StitchRules

CLUSTER_STRIDES = (4, 1)
STRIDE = 32  # of the coarsest map that the decoders double until it has the size of the finest


def build(config: ConfigDict) -> StemSeg:
    """The system.

    Raises:
      ValueError: training clips lack masks, the canvas is no multiple of 32, pixels cannot be
        clustered at that stride, or a setting makes no sense.
    """
    model, clip = config.model, config.data.clip
    if clip.mask_frames != clip.num_frames:
        raise ValueError(
            f"config.data.clip.mask_frames: {clip.mask_frames}, expected {clip.num_frames} for "
            "stem_seg, as many as num_frames"
        )
    check_canvas(config, STRIDE)
    if model.cluster_stride not in CLUSTER_STRIDES:
        raise ValueError(
            f"cluster_stride is {model.cluster_stride}; expected one of {CLUSTER_STRIDES}"
        )
    shared = {"groups": model.groups, "dtype": model.dtype}
    return StemSeg(
        **online_parts(config),
        embedding=rematerialised(ClusterEmbeddingHead, model)(**model.embedding, **shared),
        semantic=rematerialised(SemanticHead, model)(
            num_classes=model.num_classes, **model.semantic, **shared
        ),
        schedule=ClipSchedule(**model.clips),
        clustering=ClusterRules(**model.clustering),
        stitching=StitchRules(**model.stitching),
        enlarged=CLUSTER_STRIDES[0] // model.cluster_stride,
        max_tracks=model.max_tracks,
        weights=LossWeights(**model.weights),
        shifted_targets=model.shifted_targets,
    )
