"""Names of the published MaskTrack R-CNN (mmdetection 0.6 with a track head).

Exact: this package computes what the file was trained for, with `model.inclusive_boxes`. The file
for YouTube-VIS has 40 classes: `model.num_classes` must say so.
"""

from ovis_jax.weights.maps import mmdet
from ovis_jax.weights.maps.parts import COUNTERS, RESNETS, ModelSettings, resnet_depth
from ovis_jax.weights.rules import NameMap

CONFIG = "masktrack_rcnn_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """The whole file; nothing is newly initialised."""
    return NameMap(mmdet.masktrack(resnet_depth(model)), unused=(COUNTERS,))
