"""Names of torchvision's `convnext_tiny` on ImageNet.

Exact as a backbone: RGB input, the mean and deviation of the configurations here. Classifier and
final norm are left out; the norms of the four outputs, which detectors have, are new.
"""

from ovis_jax.weights.maps import convnext
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.maps.torchvision_resnet import FRESH
from ovis_jax.weights.rules import NameMap

CONFIG = "cmasktrack_rcnn_convnext_t_ovis"
VARIANTS = convnext.SIZES


def name_map(model: ModelSettings) -> NameMap:
    """The backbone."""
    return convnext.imagenet(convnext.TORCHVISION, model, ("classifier.*",), FRESH)
