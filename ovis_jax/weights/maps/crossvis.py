"""Names of the published CrossVIS (AdelaiDet on detectron2; the entry `model` of its files).

Exact: this package computes what the files were trained for. Their input is BGR minus a mean and
not divided by a deviation; the first convolution is turned to RGB, so that `config.data.mean` (RGB,
deviation 1) gives the same numbers. The files for YouTube-VIS have 40 classes: `model.num_classes`
must say so. Their classifier of identities (`cls`) knows the objects of their own training data
by number, which means nothing elsewhere: it is left out, and training begins with a new one.
"""

from ovis_jax.weights.layouts import bgr_convolution, convolution, linear, scalar
from ovis_jax.weights.maps.parts import (
    COUNTERS,
    RESNETS,
    ModelSettings,
    affine,
    detectron2_resnet,
    resnet_depth,
)
from ovis_jax.weights.rules import NameMap, Rule

STD = (1.0, 1.0, 1.0)
HEAD = "proposal_generator.fcos_head"
TOWERS = {
    # theirs: ours
    "cls_tower": "fcos/class_tower",
    "bbox_tower": "fcos/box_tower",
    "reid_tower": "reid/tower",
}
TOWER_CONVS = 4
LAYERS_OF_A_CONV = 3  # in a tower: convolution, group norm, ReLU
PYRAMID = range(3, 6)
LEVELS = 5
BRANCH_LEVELS, BRANCH_CONVS = 3, 4
# Constants of the mask head, and of the input in some versions.
BUFFERS = ("mask_head.sizes_of_interest", "mask_head._iter", "pixel_mean", "pixel_std")
IDENTITIES = "cls.*"
CONFIG = "crossvis_r50_ovis"
VARIANTS = RESNETS


def name_map(model: ModelSettings) -> NameMap:
    """The whole file but its classifier of identities; a calibration is newly initialised."""
    return NameMap(
        rules(resnet_depth(model)),
        unused=(COUNTERS, *BUFFERS, IDENTITIES),
        fresh=("identity", "calibration"),
    )


def rules(depth: int = 50) -> dict[str, Rule]:
    """Every tensor of the state dict that means something elsewhere, by its PyTorch name."""
    return (
        detectron2_resnet(depth, bgr_convolution(STD))
        | _fpn()
        | _towers()
        | _predictors()
        | _mask_branch()
    )


def identity_rules() -> dict[str, Rule]:
    """The classifier of identities, for who trains on with the same numbers."""
    return affine("cls", "identity", linear)


def _fpn() -> dict[str, Rule]:
    table = {}
    for i in PYRAMID:
        table |= affine(f"backbone.fpn_lateral{i}", f"neck/lateral{i}/conv", convolution)
        table |= affine(f"backbone.fpn_output{i}", f"neck/output{i}/conv", convolution)
    for i in (6, 7):
        table |= affine(f"backbone.top_block.p{i}", f"neck/output{i}/conv", convolution)
    return table


def _towers() -> dict[str, Rule]:
    table = {}
    for theirs, ours in TOWERS.items():
        for i in range(TOWER_CONVS):
            layer = LAYERS_OF_A_CONV * i
            table |= affine(f"{HEAD}.{theirs}.{layer}", f"{ours}/conv{i}", convolution)
            table |= _norm(f"{HEAD}.{theirs}.{layer + 1}", f"{ours}/norm{i}")
    return table


def _predictors() -> dict[str, Rule]:
    table = {
        f"{HEAD}.scales.{i}.scale": Rule(f"params/fcos/scale{i}", scalar) for i in range(LEVELS)
    }
    return (
        table
        | affine(f"{HEAD}.cls_logits", "fcos/class_logits", convolution)
        | affine(f"{HEAD}.bbox_pred", "fcos/distances", convolution)
        | affine(f"{HEAD}.ctrness", "fcos/centerness", convolution)
        | affine("controller", "mask/controller", convolution)
        | affine(f"{HEAD}.reid_pred", "reid/embedding", convolution)
        | _batch_norm(f"{HEAD}.reid_pred_bn", "reid/batch_norm")
    )


def _mask_branch() -> dict[str, Rule]:
    layers = [(f"refine.{i}", f"refine_{i}") for i in range(BRANCH_LEVELS)]
    layers += [(f"tower.{i}", f"tower_{i}") for i in range(BRANCH_CONVS)]
    table = affine(f"mask_branch.tower.{BRANCH_CONVS}", "mask/last", convolution)
    for theirs, ours in layers:
        kernel = Rule(f"params/mask/{ours}/conv/kernel", convolution)
        table |= {f"mask_branch.{theirs}.0.weight": kernel}
        table |= _batch_norm(f"mask_branch.{theirs}.1", f"mask/{ours}/norm")
    return table


def _norm(theirs: str, ours: str) -> dict[str, Rule]:
    return {
        f"{theirs}.weight": Rule(f"params/{ours}/scale"),
        f"{theirs}.bias": Rule(f"params/{ours}/bias"),
    }


def _batch_norm(theirs: str, ours: str) -> dict[str, Rule]:
    return _norm(theirs, ours) | {
        f"{theirs}.running_mean": Rule(f"running_stats/{ours}/mean"),
        f"{theirs}.running_var": Rule(f"running_stats/{ours}/var"),
    }
