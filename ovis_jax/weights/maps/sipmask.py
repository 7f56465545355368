"""Names of the published SipMask for video (mmdetection 1.x).

Exact: this package computes what the files for video were trained for. Their input is BGR minus a
mean and not divided by a deviation; the first convolution is turned to RGB, so that
`config.data.mean` (RGB, deviation 1) gives the same numbers. The files for YouTube-VIS have 40
classes: `model.num_classes` must say so.
"""

from ovis_jax.weights.layouts import bgr_convolution, convolution
from ovis_jax.weights.maps.parts import (
    COUNTERS,
    RESNETS,
    ModelSettings,
    affine,
    resnet,
    resnet_depth,
)
from ovis_jax.weights.rules import NameMap, Rule

STD = (1.0, 1.0, 1.0)
TOWERS = {
    # mmdetection: (ours, number of convolutions)
    "cls_convs": ("fcos/class_tower", 2),
    "reg_convs": ("fcos/box_tower", 3),
    "track_convs": ("track/tower", 2),
}
LEVELS = 5
CONFIG = "sipmask_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """The whole file; only a calibration, if the model has one, is newly initialised."""
    return NameMap(rules(resnet_depth(model)), unused=(COUNTERS,), fresh=("calibration",))


def rules(depth: int = 50) -> dict[str, Rule]:
    """Every tensor of the state dict, by its PyTorch name."""
    return resnet("backbone.", depth, bgr_convolution(STD)) | _fpn() | _towers() | _predictors()


def _fpn() -> dict[str, Rule]:
    table = {}
    for i in range(3):
        table |= affine(f"neck.lateral_convs.{i}.conv", f"neck/lateral{i + 3}/conv", convolution)
    for i in range(LEVELS):
        table |= affine(f"neck.fpn_convs.{i}.conv", f"neck/output{i + 3}/conv", convolution)
    return table


def _towers() -> dict[str, Rule]:
    table = {}
    for theirs, (ours, num_convs) in TOWERS.items():
        for i in range(num_convs):
            name = f"bbox_head.{theirs}.{i}"
            table[f"{name}.conv.weight"] = Rule(f"params/{ours}/conv{i}/kernel", convolution)
            table |= _norm(f"{name}.gn", f"{ours}/norm{i}")
    return table


def _predictors() -> dict[str, Rule]:
    align = "bbox_head.feat_align"
    table = {
        f"{align}.conv_offset.weight": Rule("params/fcos/align/offset/kernel", convolution),
        f"{align}.conv_adaption.weight": Rule("params/fcos/align/conv/kernel", convolution),
    } | _norm(f"{align}.norm", "fcos/align/norm")
    for i in range(LEVELS):
        table[f"bbox_head.scales.{i}.scale"] = Rule(f"params/fcos/scale{i}")
    return (
        table
        | affine("bbox_head.fcos_cls", "fcos/class_logits", convolution)
        | affine("bbox_head.fcos_reg", "fcos/distances", convolution)
        | affine("bbox_head.fcos_centerness", "fcos/centerness", convolution)
        | affine("bbox_head.sip_cof", "mask/coefficient", convolution)
        | affine("bbox_head.sip_mask_lat0", "mask/basis0", convolution)
        | affine("bbox_head.sip_mask_lat", "mask/basis1", convolution)
        | affine("bbox_head.sipmask_track", "track/embedding", convolution)
    )


def _norm(theirs: str, ours: str) -> dict[str, Rule]:
    return {
        f"{theirs}.weight": Rule(f"params/{ours}/scale"),
        f"{theirs}.bias": Rule(f"params/{ours}/bias"),
    }
