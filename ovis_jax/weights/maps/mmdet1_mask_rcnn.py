"""Names of Mask R-CNN on COCO as mmdetection 0.x and 1.x wrote it.

The published models of this package began here. Same network, RGB input, normalisation, anchors,
box codec (inclusive sizes, deviations 0.1, 0.1, 0.2, 0.2) and legacy RoIAlign as here. Background
is class 0 of 81 and boxes are class-specific, also as here; only the classes are others, so the
last layers of box and mask head are left out, or give the rows of categories that both know.

Files of the "caffe" style carry the same names and cannot be told apart: they want BGR input and
stride in the 1x1 convolutions, and are of little use to this network.
"""

from ovis_jax.weights.maps import mmdet
from ovis_jax.weights.maps.parts import (
    CLASS_PARTS,
    COUNTERS,
    RESNETS,
    ModelSettings,
    background_first,
    resnet,
    resnet_depth,
)
from ovis_jax.weights.rules import NameMap

NAMES = mmdet.names()
CONFIG = "cmasktrack_rcnn_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """Everything that does not depend on the classes."""
    return NameMap(
        resnet("backbone.", resnet_depth(model)) | NAMES.body(),
        unused=(COUNTERS, *NAMES.class_patterns()),
        fresh=(*CLASS_PARTS, "track", "calibration"),
        classes=background_first(NAMES.class_layers()),
    )
