"""Names of Mask R-CNN on COCO as mmdetection 2.x and 3.x write it.

An initialisation, not the same detector: same network (stride in the 3x3 convolutions), RGB input
and normalisation, order of anchors and of flattened RoI features (channel, y, x), box codec
deviations (RPN 1; boxes 0.1, 0.1, 0.2, 0.2) as here. Different: sizes are exclusive and RoIAlign is
shifted by half a pixel (`model.inclusive_boxes=False` computes both so), anchors are not rounded
and centred on the corner of a cell. Background is the last of 81 classes and has neither box nor
mask channel (320 deltas, 80 masks); these last layers are left out, or give the rows of categories
that both data sets know.

Files of the "caffe" style carry the same names and cannot be told apart: they want BGR input and
stride in the 1x1 convolutions, and are of little use to this network.

The backbone is that of `config.model.backbone`: also ResNeXt, Swin-T and ConvNeXt-T, of which the
last comes from mmpretrain.
"""

from ovis_jax.models.backbones.convnext import ConvNeXt
from ovis_jax.models.backbones.swin import Swin
from ovis_jax.weights.maps import convnext, mmdet, swin
from ovis_jax.weights.maps.parts import (
    CLASS_PARTS,
    COUNTERS,
    RESNETS,
    ModelSettings,
    backbone_of,
    background_last,
    resnet,
    resnet_depth,
)
from ovis_jax.weights.rules import NameMap, Rule

NAMES = mmdet.names("roi_head.")
CONFIG = "cmasktrack_rcnn_r50_ovis"
VARIANTS = {**RESNETS, **swin.SIZES, **convnext.SIZES}


def name_map(model: ModelSettings) -> NameMap:
    """Everything that does not depend on the classes."""
    of_swin = isinstance(backbone_of(model), Swin)
    return NameMap(
        _backbone(model) | NAMES.body(),
        unused=(COUNTERS, *NAMES.class_patterns(), *((swin.INDEX,) if of_swin else ())),
        fresh=(*CLASS_PARTS, "track", "calibration"),
        classes=background_last(NAMES.class_layers()),
        constants=swin.constants(model) if of_swin else {},
    )


def _backbone(model: ModelSettings) -> dict[str, Rule]:
    backbone = backbone_of(model)
    if isinstance(backbone, Swin):
        return swin.mmdet_rules(model, "backbone.")
    if isinstance(backbone, ConvNeXt):
        return convnext.mmdet_rules(model, "backbone.")
    return resnet("backbone.", resnet_depth(model))
