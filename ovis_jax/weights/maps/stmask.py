"""Names of the published STMask (YOLACT++ style, a bare state dict).

Exact: this package computes what the files were trained for. Their input is RGB minus a mean and
divided by a deviation, as here. The files for YouTube-VIS have 40 classes: `model.num_classes` must
say so. Those with ResNet-101 have a deformable convolution in every third block instead of every
second one, those called "ada" learn where classes are read: `model.backbone` and
`model.anchors.class_alignment` must say so.
"""

import types
from collections.abc import Mapping

from ovis_jax.models.backbones.resnet import BOTTLENECK_DEPTHS
from ovis_jax.weights.layouts import convolution, linear
from ovis_jax.weights.maps.parts import (
    COUNTERS,
    ModelSettings,
    affine,
    block_convolutions,
    conv_batch_norm,
    residual_blocks,
    resnet_depth,
)
from ovis_jax.weights.rules import NameMap, Rule

HEAD = "prediction_layers.0"
SHAPES = range(3)
TOWERS = {"conf": "class", "bbox": "box", "mask": "mask", "track": "track"}
TOWER_CONVS = 2
PREDICTORS = {
    "conf": "logits",
    "bbox": "deltas",
    "mask": "coefficients",
    "track": "embedding",
    "centerness": "centerness",
}
PYRAMID = (5, 4, 3)  # the order of the file
PROTOTYPE_CONVS = {"0": "conv0", "2": "conv1", "4": "conv2", "8": "conv3", "10": "last"}
PUBLISHED_STEP = {50: 2, 101: 3}  # from one deformable block to the next
CONFIG = "stmask_r50_ovis"


def settings(depth: int, alignment: str = "none", step: int | None = None) -> ModelSettings:
    """What the names depend on: ResNet, alignment of classes, and the step of deformable blocks."""
    step = PUBLISHED_STEP.get(depth, 0) if step is None else step
    return types.SimpleNamespace(
        backbone=types.SimpleNamespace(depth=depth, deformable_every=step),
        anchors=types.SimpleNamespace(class_alignment=alignment),
    )


VARIANTS: Mapping[str, ModelSettings] = {
    f"a ResNet of depth {depth}{name}": settings(depth, alignment)
    for depth in PUBLISHED_STEP
    for alignment, name in (("none", ""), ("ada", " and FCB(ada)"), ("ali", " and FCB(ali)"))
}


def name_map(model: ModelSettings) -> NameMap:
    """The whole file."""
    return NameMap(rules(model), unused=(COUNTERS,))


def rules(model: ModelSettings) -> dict[str, Rule]:
    """Every tensor of the state dict, by its PyTorch name."""
    depth = resnet_depth(model)
    step = getattr(model.backbone, "deformable_every", PUBLISHED_STEP.get(depth, 0))
    alignment = getattr(getattr(model, "anchors", None), "class_alignment", "none")
    return (
        backbone(depth, step)
        | _fpn()
        | _towers()
        | _predictors(alignment)
        | _prototypes()
        | _shift()
    )


def split_rules(
    model: ModelSettings, parts: tuple[str, ...]
) -> tuple[dict[str, Rule], dict[str, Rule]]:
    """`rules` without those of some parts of the model, such as "anchors/logits_0", and these."""
    table = rules(model)
    prefixes = tuple(f"params/{part}/" for part in parts)
    theirs = {name: rule for name, rule in table.items() if rule.target.startswith(prefixes)}
    return {name: rule for name, rule in table.items() if name not in theirs}, theirs


def backbone(depth: int, step: int) -> dict[str, Rule]:
    """The ResNet, with deformable convolutions in every `step`-th block after the first stage."""
    table = conv_batch_norm("backbone.conv1", "backbone.bn1", "backbone/stem")
    for stage, block, has_shortcut in residual_blocks(depth):
        theirs = f"backbone.layers.{stage - 1}.{block}"
        ours = f"backbone/stage{stage}/block{block}"
        for i in block_convolutions(depth):
            table |= conv_batch_norm(f"{theirs}.conv{i}", f"{theirs}.bn{i}", f"{ours}/conv{i}")
        if has_shortcut:
            down = f"{theirs}.downsample"
            table |= conv_batch_norm(f"{down}.0", f"{down}.1", f"{ours}/shortcut")
        if step and stage > 1 and depth in BOTTLENECK_DEPTHS and block % step == 0:
            table[f"{theirs}.conv2.bias"] = Rule(f"params/{ours}/conv2/conv/bias")
            offsets = f"{theirs}.conv2.conv_offset_mask"
            table |= affine(offsets, f"{ours}/conv2/offset", convolution)
    return table


def _fpn() -> dict[str, Rule]:
    table = {}
    for place, level in enumerate(PYRAMID):
        table |= affine(f"fpn.lat_layers.{place}", f"neck/lateral{level}/conv", convolution)
        table |= affine(f"fpn.pred_layers.{place}", f"neck/output{level}/conv", convolution)
    for place, level in enumerate((6, 7)):
        table |= affine(f"fpn.downsample_layers.{place}", f"neck/output{level}/conv", convolution)
    return table


def _towers() -> dict[str, Rule]:
    table = affine(f"{HEAD}.upfeature.0", "anchors/upfeature", convolution)
    for theirs, ours in TOWERS.items():
        for i in range(TOWER_CONVS):
            name = f"{HEAD}.{theirs}_extra.{2 * i}"  # an activation follows each
            table |= affine(name, f"anchors/{ours}_tower_{i}", convolution)
    return table


def _predictors(alignment: str) -> dict[str, Rule]:
    table = {}
    for theirs, ours in PREDICTORS.items():
        for i in SHAPES:
            name = f"{HEAD}.{theirs}_layer.{i}"
            if theirs == "conf" and alignment != "none":
                table |= _aligned(name, i, alignment)
            else:
                table |= affine(name, f"anchors/{ours}_{i}", convolution)
    return table


def _aligned(name: str, shape: int, alignment: str) -> dict[str, Rule]:
    ours = f"params/anchors/align_{shape}"
    table = affine(f"{name}.conv", f"anchors/logits_{shape}", convolution)
    table[f"{name}.conv_adaption.weight"] = Rule(f"{ours}/conv/kernel", convolution)
    if alignment == "ada":
        table[f"{name}.conv_offset.weight"] = Rule(f"{ours}/offset/kernel", convolution)
    return table


def _prototypes() -> dict[str, Rule]:
    table = {}
    for theirs, ours in PROTOTYPE_CONVS.items():
        table |= affine(f"proto_net.{theirs}", f"prototypes/{ours}", convolution)
    return table


def _shift() -> dict[str, Rule]:
    table = affine("TemporalNet.fc", "shift/deltas", linear)
    table |= affine("TemporalNet.fc_coeff", "shift/coefficients", linear)
    for i in range(3):
        table |= affine(f"TemporalNet.conv{i + 1}", f"shift/convs_{i}", convolution)
    return table
