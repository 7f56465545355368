"""Names of timm's ResNets on ImageNet: `resnet18`, `resnet50` and others without a letter after.

Same network and same names as torchvision's. Variants with a letter after the depth (`resnet50d`)
have another stem or other shortcuts and are refused for their names. Most were trained with the
mean and deviation of the configurations here; a few (those of Inception's preprocessing) were not,
which their names do not tell.
"""

from ovis_jax.weights.maps import torchvision_resnet
from ovis_jax.weights.maps.parts import RESNETS, ModelSettings
from ovis_jax.weights.rules import NameMap

CONFIG = "cmasktrack_rcnn_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """The backbone."""
    return torchvision_resnet.name_map(model)
