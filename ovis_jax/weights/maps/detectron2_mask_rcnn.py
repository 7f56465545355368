"""Names of Mask R-CNN R50-FPN on COCO of detectron2's model zoo.

An initialisation, not the same detector. Order of anchors and of flattened RoI features (channel,
y, x) and box codec weights (RPN 1; boxes 10, 10, 5, 5, which are deviations 0.1, 0.1, 0.2, 0.2) are
as here. Its input is BGR minus the mean, not divided by a deviation; the first convolution takes
that up exactly, given the mean and the deviation of the configurations here. Different: the stride
is in the 1x1 convolutions of the first blocks (MSRA's ResNet; 3x3 here), sizes are exclusive and
RoIAlign is shifted by half a pixel (`model.inclusive_boxes=False` computes both so), anchors are
not rounded and centred on the corner of a cell. Background is the last of 81 classes and has
neither box nor mask channel; these last layers are left out, or give the rows of categories that
both data sets know.
"""

from ovis_jax.weights.layouts import bgr_convolution
from ovis_jax.weights.maps.mask_rcnn import LEVELS, MaskRCNNNames
from ovis_jax.weights.maps.parts import (
    CLASS_PARTS,
    COUNTERS,
    RESNETS,
    ModelSettings,
    background_last,
    detectron2_resnet,
    resnet_depth,
)
from ovis_jax.weights.rules import NameMap

RGB_STD = (58.395, 57.12, 57.375)
RPN = "proposal_generator.rpn_head"
NAMES = MaskRCNNNames(
    laterals=[f"backbone.fpn_lateral{i}" for i in LEVELS],
    outputs=[f"backbone.fpn_output{i}" for i in LEVELS],
    rpn=(f"{RPN}.conv", f"{RPN}.objectness_logits", f"{RPN}.anchor_deltas"),
    box=("roi_heads.box_head.fc1", "roi_heads.box_head.fc2"),
    mask=[f"roi_heads.mask_head.mask_fcn{i}" for i in range(1, 5)],
    upsample="roi_heads.mask_head.deconv",
    classes=(
        "roi_heads.box_predictor.cls_score",
        "roi_heads.box_predictor.bbox_pred",
        "roi_heads.mask_head.predictor",
    ),
)
# Constants that older versions saved with the weights.
BUFFERS = ("proposal_generator.anchor_generator.cell_anchors.*", "pixel_mean", "pixel_std")
CONFIG = "cmasktrack_rcnn_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """Everything that does not depend on the classes."""
    return NameMap(
        detectron2_resnet(resnet_depth(model), bgr_convolution(RGB_STD)) | NAMES.body(),
        unused=(COUNTERS, *BUFFERS, *NAMES.class_patterns()),
        fresh=(*CLASS_PARTS, "track", "calibration"),
        classes=background_last(NAMES.class_layers()),
    )
