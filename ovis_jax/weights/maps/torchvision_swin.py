"""Names of torchvision's `swin_t` on ImageNet.

Exact as a backbone: RGB input, the mean and deviation of the configurations here. Classifier and
final norm are left out; the norms of the four outputs, which detectors have, are new.
"""

from ovis_jax.weights.maps import swin
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.maps.torchvision_resnet import FRESH
from ovis_jax.weights.rules import NameMap

CONFIG = "cmasktrack_rcnn_swin_t_ovis"
VARIANTS = swin.SIZES


def name_map(model: ModelSettings) -> NameMap:
    """The backbone."""
    return swin.imagenet(swin.TORCHVISION, model, FRESH)
