"""Names of ConvNeXt, as each library writes them."""

import dataclasses
from collections.abc import Mapping

from ovis_jax.models.backbones.convnext import ConvNeXt
from ovis_jax.weights.layouts import Layout, channel_scale, convolution, linear, same
from ovis_jax.weights.maps.parts import (
    ModelSettings,
    affine,
    backbone_of,
    check_backbone,
    layer_norm,
    named_model,
)
from ovis_jax.weights.rules import NameMap, Rule

MODELS = ("convnext_t",)
SIZES: Mapping[str, ModelSettings] = {"ConvNeXt-T": named_model("convnext_t")}
OUTPUT_NORMS = tuple(f"backbone/norm{i}" for i in range(1, 5))


@dataclasses.dataclass(frozen=True)
class ConvNeXtNames:
    """What a library calls the parts of a ConvNeXt.

    Attributes:
      stem: before `.0` (convolution) and `.1` (norm).
      halve: before `.0` (norm) and `.1` (convolution) at the beginning of a stage, from 1.
      block: of stage and block, both from 0.
      layers: convolution, norm and the two layers of the perceptron, in a block.
      scale: in a block.
      scale_layout: of it.
    """

    stem: str
    halve: tuple[str, str, str]
    block: str
    layers: tuple[str, str, str, str]
    scale: str
    scale_layout: Layout = same

    def rules(self, blocks: tuple[int, ...], prefix: str = "") -> dict[str, Rule]:
        """The whole network but the norms of its outputs."""
        table = affine(f"{prefix}{self.stem}.0", "backbone/stem/conv", convolution)
        table |= layer_norm(f"{prefix}{self.stem}.1", "backbone/stem/norm")
        for stage, number in enumerate(blocks):
            ours = f"backbone/stage{stage + 1}"
            if stage:
                theirs = f"{prefix}{self.halve[stage - 1]}"
                table |= layer_norm(f"{theirs}.0", f"{ours}/halve_norm")
                table |= affine(f"{theirs}.1", f"{ours}/halve", convolution)
            for block in range(number):
                theirs = prefix + self.block.format(stage=stage, block=block, part=2 * stage + 1)
                table |= self._block(theirs, f"{ours}/block{block}")
        return table

    def _block(self, theirs: str, ours: str) -> dict[str, Rule]:
        conv, norm, expand, reduce = (f"{theirs}.{layer}" for layer in self.layers)
        return (
            {f"{theirs}.{self.scale}": Rule(f"params/{ours}/scale", self.scale_layout)}
            | affine(conv, f"{ours}/conv", convolution)
            | layer_norm(norm, f"{ours}/norm")
            | affine(expand, f"{ours}/expand", linear)
            | affine(reduce, f"{ours}/reduce", linear)
        )


TORCHVISION = ConvNeXtNames(
    stem="features.0",
    halve=("features.2", "features.4", "features.6"),
    block="features.{part}.{block}",
    layers=("block.0", "block.2", "block.3", "block.5"),
    scale="layer_scale",
    scale_layout=channel_scale,
)
TIMM = ConvNeXtNames(
    stem="stem",
    halve=("stages.1.downsample", "stages.2.downsample", "stages.3.downsample"),
    block="stages.{stage}.blocks.{block}",
    layers=("conv_dw", "norm", "mlp.fc1", "mlp.fc2"),
    scale="gamma",
)
# mmdetection takes its ConvNeXt from mmpretrain.
MMDET = ConvNeXtNames(
    stem="downsample_layers.0",
    halve=("downsample_layers.1", "downsample_layers.2", "downsample_layers.3"),
    block="stages.{stage}.{block}",
    layers=("depthwise_conv", "norm", "pointwise_conv1", "pointwise_conv2"),
    scale="gamma",
)


def imagenet(
    names: ConvNeXtNames, model: ModelSettings, classifier: tuple[str, ...], fresh: tuple[str, ...]
) -> NameMap:
    """A classifier: the backbone without the norms of its outputs.

    Args:
      names: of its library.
      model: `config.model` of the model to fill.
      classifier: patterns of what it has besides.
      fresh: parts of the model behind the backbone.

    Raises:
      InputError: the model has another backbone.
    """
    check_backbone(model, ConvNeXt, MODELS)
    return NameMap(
        names.rules(backbone_of(model).blocks), unused=classifier, fresh=(*OUTPUT_NORMS, *fresh)
    )


def mmdet_rules(model: ModelSettings, prefix: str) -> dict[str, Rule]:
    """The backbone of a detector, with the norms of its outputs."""
    norms = {}
    for i in range(4):
        norms |= layer_norm(f"{prefix}norm{i}", f"backbone/norm{i + 1}")
    return MMDET.rules(backbone_of(model).blocks, prefix) | norms
