"""config.model of the detector with dynamic masks to CrossVIS or CCrossVIS."""

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import (
    calibration_parts,
    online_parts,
    rematerialised,
    sizes,
    tracker,
)
from ovis_jax.models.heads.dynamic_mask import DynamicMaskHead
from ovis_jax.models.heads.fcos import FCOSHead
from ovis_jax.models.heads.reid import IdentityClassifier, ReidHead
from ovis_jax.models.systems.crossvis import CrossVIS, CrossVISCapacity
from ovis_jax.ops.boxes import EXCLUSIVE


def build(config: ConfigDict) -> CrossVIS:
    """The system; without `model.calibration` it is CrossVIS.

    Raises:
      ValueError: the data have boxes whose second corner is the last pixel.
    """
    if config.data.inclusive_boxes:
        raise ValueError("config.data.inclusive_boxes: True, expected False for crossvis")
    model = config.model
    shared = {"dtype": model.dtype}
    fcos = rematerialised(FCOSHead, model)
    mask = rematerialised(DynamicMaskHead, model, {"features": (2,)})  # `training` is static
    reid = rematerialised(ReidHead, model, {"train": ()})
    return CrossVIS(
        **online_parts(config),
        **calibration_parts(config),
        tracker=tracker(model, EXCLUSIVE),
        fcos=fcos(
            num_classes=model.num_classes,
            tower_bias=True,
            positive_distances=True,
            **model.fcos,
            **shared,
        ),
        mask=mask(**model.mask, **shared),
        reid=reid(**model.reid, **shared),
        identity=IdentityClassifier(model.num_identities),
        capacity=sizes(CrossVISCapacity, config.capacity),
        crossover=model.crossover,
        pyramid_rate=model.pyramid_rate,
    )
