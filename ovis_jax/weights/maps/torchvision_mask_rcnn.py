"""Names of torchvision's `maskrcnn_resnet50_fpn` on COCO, in both of its spellings.

The published file has the names of older versions (`mask_head.mask_fcn1`); models that newer
versions save have those of their layer blocks (`mask_head.0.0`).

An initialisation, not the same detector: same network (stride in the 3x3 convolutions), RGB input,
normalisation, order of anchors and of flattened RoI features (channel, y, x), box codec weights
(RPN 1; boxes 10, 10, 5, 5, which are deviations 0.1, 0.1, 0.2, 0.2) as here. Different: sizes are
exclusive, RoIAlign is not shifted by half a pixel, anchors are centred on the corner of a cell, and
the published file was trained with a batch norm epsilon of 0 (1e-5 here), which matters only for
channels of tiny variance. Background is class 0 of 91 and the classes are COCO's; these last
layers are left out, or give the rows of categories that both data sets know.
"""

from ovis_jax.formats.categories import COCO
from ovis_jax.weights.maps.mask_rcnn import MaskRCNNNames
from ovis_jax.weights.maps.parts import (
    CLASS_PARTS,
    COUNTERS,
    RESNETS,
    ModelSettings,
    resnet,
    resnet_depth,
)
from ovis_jax.weights.rules import ClassLayers, NameMap

NAMES = MaskRCNNNames(
    laterals=[f"backbone.fpn.inner_blocks.{i}" for i in range(4)],
    outputs=[f"backbone.fpn.layer_blocks.{i}" for i in range(4)],
    rpn=("rpn.head.conv", "rpn.head.cls_logits", "rpn.head.bbox_pred"),
    box=("roi_heads.box_head.fc6", "roi_heads.box_head.fc7"),
    mask=[f"roi_heads.mask_head.mask_fcn{i}" for i in range(1, 5)],
    upsample="roi_heads.mask_predictor.conv5_mask",
    classes=(
        "roi_heads.box_predictor.cls_score",
        "roi_heads.box_predictor.bbox_pred",
        "roi_heads.mask_predictor.mask_fcn_logits",
    ),
)
RENAMES = (
    (r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d)\.0\.", r"\1."),
    (r"^rpn\.head\.conv\.0\.0\.", "rpn.head.conv."),
    (r"^roi_heads\.mask_head\.0\.0\.", "roi_heads.mask_head.mask_fcn1."),
    (r"^roi_heads\.mask_head\.1\.0\.", "roi_heads.mask_head.mask_fcn2."),
    (r"^roi_heads\.mask_head\.2\.0\.", "roi_heads.mask_head.mask_fcn3."),
    (r"^roi_heads\.mask_head\.3\.0\.", "roi_heads.mask_head.mask_fcn4."),
)
CONFIG = "cmasktrack_rcnn_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """Everything that does not depend on the classes."""
    return NameMap(
        resnet("backbone.body.", resnet_depth(model)) | NAMES.body(),
        unused=(COUNTERS, *NAMES.class_patterns()),
        fresh=(*CLASS_PARTS, "track", "calibration"),
        renames=RENAMES,
        classes=_class_layers(),
    )


def _class_layers() -> ClassLayers:
    """The row of a category is its id; rows of ids that COCO does not use mean nothing."""
    ids = [category.id for category in COCO]
    return ClassLayers(NAMES.class_layers(), ids, 0, max(ids) + 1, max(ids) + 1)
