"""Backbones by name, with the settings of `config.model.backbone`.

The name "resnet" leaves everything to the other settings. Every other name is a published network:
what makes it stands in the tables here and not in the settings, but for these: `frozen_stages`
counts as it does for ResNets; `width` 64 is the published size, and another one scales all channels
in proportion; `norm` is that of ResNets and ResNeXts, the others have layer norms.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flax import linen as nn

from ovis_jax.models.backbones.convnext import ConvNeXt
from ovis_jax.models.backbones.resnet import PUBLISHED_WIDTH, ResNet
from ovis_jax.models.backbones.swin import MMDETECTION, TIMM, Swin

RESNET = "resnet"
"""The name that leaves everything to the other settings; that of settings without a name."""
RESNETS: Mapping[str, Mapping[str, Any]] = {
    "resnet50": {"depth": 50},
    "resnet101": {"depth": 101},
    "resnext50_32x4d": {"depth": 50, "groups": 32, "group_width": 4, "stride_in_1x1": False},
    "resnext101_32x4d": {"depth": 101, "groups": 32, "group_width": 4, "stride_in_1x1": False},
    "resnext101_64x4d": {"depth": 101, "groups": 64, "group_width": 4, "stride_in_1x1": False},
}
"""What a name fixes of a ResNet."""
OTHERS: Mapping[str, tuple[Callable[..., nn.Module], Mapping[str, Any]]] = {
    "swin_t": (Swin, {"channels": 96}),
    "swin_t_mmdet": (Swin, {"channels": 96, "borders": MMDETECTION}),
    "swin_t_timm": (Swin, {"channels": 96, "borders": TIMM}),
    "swin_l_mmdet": (
        Swin,
        {
            "channels": 192,
            "blocks": (2, 2, 18, 2),
            "num_heads": (6, 12, 24, 48),
            "window": 12,
            "borders": MMDETECTION,
        },
    ),
    "convnext_t": (ConvNeXt, {"channels": 96}),
}
"""What a name fixes of other modules, in the published size."""
NAMES = (RESNET, *RESNETS, *OTHERS)


def named_backbone(settings: Mapping[str, Any], **shared: Any) -> nn.Module:
    """A module from frames to C2...C5.

    Args:
      settings: keyword arguments of `ResNet`, and perhaps a `name`.
      **shared: `dtype` and `rematerialise`.

    Raises:
      ValueError: there is no backbone of that name, or not in that width or with deformable blocks.
    """
    settings = dict(settings)
    name = settings.pop("name", RESNET)
    if name not in NAMES:
        raise ValueError(f"backbone.name is {name!r}; expected one of {NAMES}")
    if name not in OTHERS:
        return ResNet(**{**settings, **RESNETS.get(name, {})}, **shared)
    if settings.get("deformable_every"):
        raise ValueError(
            f"backbone.deformable_every is {settings['deformable_every']}; {name} has no blocks "
            "that could be deformable, expected 0"
        )
    module, fixed = OTHERS[name]
    width = settings.get("width", PUBLISHED_WIDTH)
    if fixed["channels"] * width % PUBLISHED_WIDTH:
        raise ValueError(
            f"backbone.width is {width}; {name} has {fixed['channels']} channels at width "
            f"{PUBLISHED_WIDTH}, and no whole number of them at this one"
        )
    channels = fixed["channels"] * width // PUBLISHED_WIDTH
    frozen_stages = settings.get("frozen_stages", -1)
    return module(**{**fixed, "channels": channels}, frozen_stages=frozen_stages, **shared)
