"""Names of Swin-T on ImageNet as its authors publish it, and timm before version 0.9.

Exact as a backbone, as `torchvision_swin`.
"""

from ovis_jax.weights.maps import swin
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.maps.torchvision_resnet import FRESH
from ovis_jax.weights.rules import NameMap

CONFIG = "cmasktrack_rcnn_swin_t_ovis"
VARIANTS = swin.SIZES


def name_map(model: ModelSettings) -> NameMap:
    """The backbone."""
    return swin.imagenet(swin.AUTHORS, model, FRESH)
