"""Names of the published CMaskTrack R-CNN (mmdetection 0.6 with TFC in its track head).

Exact: this package computes what the file was trained for, with `model.inclusive_boxes`.
"""

from ovis_jax.weights.layouts import convolution
from ovis_jax.weights.maps import mmdet
from ovis_jax.weights.maps.parts import COUNTERS, RESNETS, ModelSettings, affine, resnet_depth
from ovis_jax.weights.rules import NameMap, Rule

OFFSET_CONVS = 3
CONFIG = "cmasktrack_rcnn_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """The whole file; nothing is newly initialised."""
    return NameMap(rules(resnet_depth(model)), unused=(COUNTERS,))


def rules(depth: int = 50) -> dict[str, Rule]:
    """Every tensor of the state dict, by its PyTorch name."""
    return mmdet.masktrack(depth) | _calibration()


def _calibration() -> dict[str, Rule]:
    table = affine("track_head.conv_offset", "calibration/offset", convolution)
    for i in range(OFFSET_CONVS):
        table |= affine(
            f"track_head.offset_convs.{i}.conv", f"calibration/offset_convs_{i}", convolution
        )
    kernel = Rule("params/calibration/align/kernel", convolution)
    return table | {"track_head.dconv_featureflow.weight": kernel}
