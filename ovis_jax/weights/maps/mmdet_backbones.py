"""The backbones of mmdetection 2.x and 3.x, as `config.model.backbone` chooses one.

ResNets and ResNeXts have the same names, with more blocks or wider ones; Swin comes from
mmdetection, ConvNeXt from mmpretrain.
"""

from collections.abc import Mapping

import numpy as np

from ovis_jax.models.backbones.convnext import ConvNeXt
from ovis_jax.models.backbones.swin import Swin
from ovis_jax.weights.maps import convnext, swin
from ovis_jax.weights.maps.parts import RESNETS, ModelSettings, backbone_of, resnet, resnet_depth
from ovis_jax.weights.rules import Rule

PREFIX = "backbone."
SIZES: Mapping[str, ModelSettings] = {**RESNETS, **swin.SIZES, **convnext.SIZES}


def rules(model: ModelSettings) -> dict[str, Rule]:
    """Every tensor of the backbone, with the norms of its outputs, by its PyTorch name.

    Raises:
      InputError: there is no such backbone.
    """
    backbone = backbone_of(model)
    if isinstance(backbone, Swin):
        return swin.mmdet_rules(model, PREFIX)
    if isinstance(backbone, ConvNeXt):
        return convnext.mmdet_rules(model, PREFIX)
    return resnet(PREFIX, resnet_depth(model))


def constants(model: ModelSettings) -> dict[str, np.ndarray]:
    """What a file holds beside them and has to be as here, by patterns of names."""
    return swin.constants(model) if isinstance(backbone_of(model), Swin) else {}
