"""config.model of the queries with contrastive embeddings to IDOL."""

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import (
    check_canvas,
    online_parts,
    rematerialised,
    sizes,
    tracker,
)
from ovis_jax.models.deformable_transformer import DeformableTransformer
from ovis_jax.models.heads.fused_mask import FusedMaskBranch
from ovis_jax.models.heads.instance import InstanceHead
from ovis_jax.models.instance_decoding import Selection
from ovis_jax.models.instance_losses import InstanceLosses
from ovis_jax.models.necks.projections import Projections
from ovis_jax.models.systems.idol import IDOL, IDOLCapacity
from ovis_jax.ops.boxes import EXCLUSIVE

STRIDE = 32  # of the last map of the backbone


def build(config: ConfigDict) -> IDOL:
    """The system.

    Raises:
      ValueError: the data have boxes whose second corner is the last pixel, the canvas is no
        multiple of 32, or empty masks are asked of a linker that does not count frames.
    """
    model = config.model
    if config.data.inclusive_boxes:
        raise ValueError("config.data.inclusive_boxes: True, expected False for idol")
    check_canvas(config, STRIDE)
    if model.predictions.zero_masks and model.linker != "bisoftmax":
        raise ValueError(f"zero_masks is True with linker {model.linker!r}; expected 'bisoftmax'")
    shared = {"dtype": model.dtype}
    channels = model.transformer.channels
    parts = online_parts(config, Projections(**model.neck, channels=channels, **shared))
    return IDOL(
        **parts,
        tracker=tracker(model, EXCLUSIVE),
        transformer=DeformableTransformer(
            **model.transformer,
            num_levels=3 + model.neck.extra_levels,
            rematerialise=model.rematerialise,
            **shared,
        ),
        head=InstanceHead(
            model.num_classes,
            num_layers=model.transformer.num_layers,
            channels=channels,
            **model.head,
            **shared,
        ),
        masks=rematerialised(FusedMaskBranch, model)(
            num_features=model.head.num_features, **shared
        ),
        capacity=sizes(IDOLCapacity, config.capacity),
        criterion=InstanceLosses(**model.criterion),
        selection=Selection(**model.selection),
        **model.predictions,
    )
