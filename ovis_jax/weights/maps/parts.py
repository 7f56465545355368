"""Rows of name tables that several published models share."""

import types
from collections.abc import Mapping, Sequence
from typing import Any

from flax import linen as nn

from ovis_jax.formats.categories import COCO
from ovis_jax.formats.errors import InputError
from ovis_jax.models.backbones.named import RESNET, named_backbone
from ovis_jax.models.backbones.resnet import BOTTLENECK_DEPTHS, STAGE_BLOCKS, ResNet
from ovis_jax.weights.layouts import Layout, convolution, same
from ovis_jax.weights.rules import ClassLayers, Rule

# Of batch norm layers since PyTorch 0.4.1; running statistics are frozen here.
COUNTERS = "*.num_batches_tracked"
# What depends on the classes of the data set a detector was trained on.
CLASS_PARTS = ("box/logits", "box/deltas", "mask/logits")

ModelSettings = Any  # config.model, or what has the fields of it that a name map reads


def resnet_model(depth: int) -> ModelSettings:
    """Settings of a model whose backbone is the ResNet of a depth."""
    return types.SimpleNamespace(backbone=types.SimpleNamespace(depth=depth))


# The sizes in which a model exists whose names depend on the ResNet alone.
RESNETS: Mapping[str, ModelSettings] = {
    f"a ResNet of depth {depth}": resnet_model(depth) for depth in STAGE_BLOCKS
}


def backbone_of(model: ModelSettings) -> nn.Module:
    """The backbone of a model, with its attributes.

    Raises:
      InputError: there is no such backbone.
    """
    settings = getattr(model, "backbone", types.SimpleNamespace())
    plain = isinstance(settings, types.SimpleNamespace)
    settings = vars(settings) if plain else dict(settings)
    try:
        return named_backbone(settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"config.model.{error}") from error


def resnet_depth(model: ModelSettings) -> int:
    """The depth of the model's ResNet.

    Raises:
      InputError: there is no such ResNet.
    """
    backbone = backbone_of(model)
    if not isinstance(backbone, ResNet):
        raise InputError(
            f"config.model.backbone.name: {model.backbone.name!r}, expected a ResNet or ResNeXt"
        )
    if backbone.depth not in STAGE_BLOCKS:
        raise InputError(
            f"config.model.backbone.depth: {backbone.depth}, expected one of {list(STAGE_BLOCKS)}"
        )
    return backbone.depth


def named_model(name: str) -> ModelSettings:
    """Settings of a model whose backbone has a name."""
    return types.SimpleNamespace(backbone=types.SimpleNamespace(name=name))


def check_backbone(model: ModelSettings, kind: type[nn.Module], names: Sequence[str]) -> None:
    """Raises InputError unless the backbone of a model is of a kind."""
    if not isinstance(backbone_of(model), kind):
        name = getattr(model.backbone, "name", RESNET)
        expected = " or ".join(map(repr, names))
        raise InputError(f"config.model.backbone.name: {name!r}, expected {expected}")


def layer_norm(theirs: str, ours: str, layout: Layout = same) -> dict[str, Rule]:
    """Weight and bias of a norm."""
    return {
        f"{theirs}.weight": Rule(f"params/{ours}/scale", layout),
        f"{theirs}.bias": Rule(f"params/{ours}/bias", layout),
    }


def affine(theirs: str, ours: str, layout: Layout) -> dict[str, Rule]:
    """Weight and bias of a convolution or linear layer."""
    return {
        f"{theirs}.weight": Rule(f"params/{ours}/kernel", layout),
        f"{theirs}.bias": Rule(f"params/{ours}/bias"),
    }


def background_first(rules: dict[str, Rule]) -> ClassLayers:
    """Layers of the classes of COCO where background is the first in all of them."""
    count = len(COCO) + 1
    return ClassLayers(rules, range(1, count), 0, count, count)


def background_last(rules: dict[str, Rule]) -> ClassLayers:
    """Layers of the classes of COCO where background is the last and has neither box nor mask."""
    count = len(COCO)
    return ClassLayers(rules, range(count), count, count + 1, count)


def conv_batch_norm(
    conv: str, norm: str, ours: str, layout: Layout = convolution
) -> dict[str, Rule]:
    """Weight of a convolution, and the four arrays of the batch norm after it."""
    return {
        f"{conv}.weight": Rule(f"params/{ours}/conv/kernel", layout),
        f"{norm}.weight": Rule(f"params/{ours}/norm/scale"),
        f"{norm}.bias": Rule(f"params/{ours}/norm/bias"),
        f"{norm}.running_mean": Rule(f"batch_stats/{ours}/norm/mean"),
        f"{norm}.running_var": Rule(f"batch_stats/{ours}/norm/var"),
    }


def resnet(prefix: str, depth: int, stem: Layout = convolution) -> dict[str, Rule]:
    """ResNet named as torchvision names it: `conv1`, `bn1`, `layer{1..4}.{block}.conv{1..3}`.

    `stem` is the layout of the first convolution.
    """
    return conv_batch_norm(f"{prefix}conv1", f"{prefix}bn1", "backbone/stem", stem) | resnet_stages(
        prefix, depth
    )


def resnet_stages(prefix: str, depth: int) -> dict[str, Rule]:
    """All of `resnet` but the stem."""
    table = {}
    for stage, block, has_shortcut in residual_blocks(depth):
        theirs, ours = f"{prefix}layer{stage}.{block}", f"backbone/stage{stage}/block{block}"
        for i in block_convolutions(depth):
            table |= conv_batch_norm(f"{theirs}.conv{i}", f"{theirs}.bn{i}", f"{ours}/conv{i}")
        if has_shortcut:
            down = f"{theirs}.downsample"
            table |= conv_batch_norm(f"{down}.0", f"{down}.1", f"{ours}/shortcut")
    return table


def detectron2_resnet(
    depth: int, stem: Layout, prefix: str = "backbone.bottom_up."
) -> dict[str, Rule]:
    """ResNet named as detectron2 names it: `stem.conv1`, `res{2..5}.{block}.conv{1..3}`, `norm`.

    `stem` is the layout of the first convolution.
    """
    table = _conv_norm(f"{prefix}stem.conv1", "backbone/stem", stem)
    for stage, block, has_shortcut in residual_blocks(depth):
        theirs = f"{prefix}res{stage + 1}.{block}"
        ours = f"backbone/stage{stage}/block{block}"
        for i in block_convolutions(depth):
            table |= _conv_norm(f"{theirs}.conv{i}", f"{ours}/conv{i}")
        if has_shortcut:
            table |= _conv_norm(f"{theirs}.shortcut", f"{ours}/shortcut")
    return table


def _conv_norm(theirs: str, ours: str, layout: Layout = convolution) -> dict[str, Rule]:
    return conv_batch_norm(theirs, f"{theirs}.norm", ours, layout)


def residual_blocks(depth: int) -> list[tuple[int, int, bool]]:
    """(stage from 1, block from 0, whether its shortcut has a convolution) of a ResNet."""
    # Basic blocks keep the number of channels in the first stage, bottlenecks widen it.
    first = 1 if depth in BOTTLENECK_DEPTHS else 2
    return [
        (stage, block, block == 0 and stage >= first)
        for stage, num_blocks in enumerate(STAGE_BLOCKS[depth], start=1)
        for block in range(num_blocks)
    ]


def block_convolutions(depth: int) -> tuple[int, ...]:
    """Numbers of the convolutions of a residual block."""
    return (1, 2, 3) if depth in BOTTLENECK_DEPTHS else (1, 2)
