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

from ovis_jax.weights.maps import mmdet, mmdet_backbones
from ovis_jax.weights.maps.parts import CLASS_PARTS, COUNTERS, ModelSettings, background_last
from ovis_jax.weights.rules import NameMap

NAMES = mmdet.names("roi_head.")
CONFIG = "cmasktrack_rcnn_r50_ovis"
VARIANTS = mmdet_backbones.SIZES


def name_map(model: ModelSettings) -> NameMap:
    """Everything that does not depend on the classes."""
    constants = mmdet_backbones.constants(model)
    return NameMap(
        mmdet_backbones.rules(model) | NAMES.body(),
        unused=(COUNTERS, *NAMES.class_patterns(), *constants),
        fresh=(*CLASS_PARTS, "track", "calibration"),
        classes=background_last(NAMES.class_layers()),
        constants=constants,
    )
