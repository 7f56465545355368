"""Names of the Mask R-CNN of mmdetection, on which other published models are built."""

from ovis_jax.checkpoints.layouts import (
    convolution,
    linear,
    pointwise,
    roi_linear,
    transposed_convolution,
)
from ovis_jax.checkpoints.maps.parts import affine, resnet
from ovis_jax.checkpoints.rules import Rule

ROI_SIZE = 7
MASK_CONVS = 4


def detector(depth: int, heads: str = "") -> dict[str, Rule]:
    """Everything that does not depend on the classes.

    Args:
      depth: of the ResNet.
      heads: prefix of box and mask head; empty before mmdetection 2.
    """
    return resnet("backbone.", depth) | _fpn() | _rpn() | _head_bodies(heads)


def class_layers(heads: str = "") -> dict[str, Rule]:
    """The last layers of box and mask head; `heads` as for `detector`."""
    return (
        affine(f"{heads}bbox_head.fc_cls", "box/logits", linear)
        | affine(f"{heads}bbox_head.fc_reg", "box/deltas", linear)
        | affine(f"{heads}mask_head.conv_logits", "mask/logits", pointwise)
    )


def track_head() -> dict[str, Rule]:
    """The embedding layers that MaskTrack R-CNN adds."""
    return affine("track_head.fcs.0", "track/fc0", roi_linear(ROI_SIZE)) | affine(
        "track_head.fcs.1", "track/fc1", linear
    )


def _fpn() -> dict[str, Rule]:
    table = {}
    for i in range(4):
        table |= affine(f"neck.lateral_convs.{i}.conv", f"neck/lateral{i + 2}/conv", convolution)
        table |= affine(f"neck.fpn_convs.{i}.conv", f"neck/output{i + 2}/conv", convolution)
    return table


def _rpn() -> dict[str, Rule]:
    return (
        affine("rpn_head.rpn_conv", "rpn/hidden", convolution)
        | affine("rpn_head.rpn_cls", "rpn/logits", convolution)
        | affine("rpn_head.rpn_reg", "rpn/deltas", convolution)
    )


def _head_bodies(heads: str) -> dict[str, Rule]:
    box, mask = f"{heads}bbox_head", f"{heads}mask_head"
    table = (
        affine(f"{box}.shared_fcs.0", "box/fc0", roi_linear(ROI_SIZE))
        | affine(f"{box}.shared_fcs.1", "box/fc1", linear)
        | affine(f"{mask}.upsample", "mask/upsample", transposed_convolution)
    )
    for i in range(MASK_CONVS):
        table |= affine(f"{mask}.convs.{i}.conv", f"mask/conv{i}/conv", convolution)
    return table
