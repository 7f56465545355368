"""Names of timm's `convnext_tiny` on ImageNet; exact as a backbone, as `torchvision_convnext`."""

from ovis_jax.weights.maps import convnext
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.maps.torchvision_resnet import FRESH
from ovis_jax.weights.rules import NameMap

CONFIG = "cmasktrack_rcnn_convnext_t_ovis"
VARIANTS = convnext.SIZES


def name_map(model: ModelSettings) -> NameMap:
    """The backbone."""
    return convnext.imagenet(convnext.TIMM, model, ("head.*",), FRESH)
