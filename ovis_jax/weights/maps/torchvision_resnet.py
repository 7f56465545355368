"""Names of torchvision's ResNets on ImageNet.

Exact as a backbone: stride in the 3x3 convolutions, RGB input, the mean and deviation of the
configurations here (in units of 1/255), batch norm epsilon 1e-5. The classifier is left out.
"""

from ovis_jax.weights.maps.parts import COUNTERS, RESNETS, ModelSettings, resnet, resnet_depth
from ovis_jax.weights.rules import NameMap

FRESH = ("neck", "rpn", "box", "mask", "track", "calibration")
CONFIG = "cmasktrack_rcnn_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """The backbone."""
    return NameMap(resnet("", resnet_depth(model)), unused=(COUNTERS, "fc.*"), fresh=FRESH)
