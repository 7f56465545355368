"""Names of Swin transformers, as each library writes them.

Three things differ under names that fit: how the cells of a merge are stacked, which module holds
the first merge, and whether the index of relative positions is saved. Tables of biases mean the
same in all libraries, as long as that index is theirs; where a file has it, it is compared.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from ovis_jax.models.backbones.swin import Swin, position_index
from ovis_jax.weights.layouts import (
    Layout,
    cells_by_column,
    chain,
    channels_of_cells,
    convolution,
    linear,
)
from ovis_jax.weights.maps.parts import (
    ModelSettings,
    affine,
    backbone_of,
    check_backbone,
    layer_norm,
    named_model,
)
from ovis_jax.weights.rules import NameMap, Rule

MODELS = ("swin_t", "swin_t_mmdet", "swin_t_timm")
SIZES: Mapping[str, ModelSettings] = {"Swin-T": named_model("swin_t")}
INDEX = "*.relative_position_index"
MASKS = "*.attn_mask"  # of the shifted windows of one frame size, which some versions save
OUTPUT_NORMS = tuple(f"backbone/norm{i}" for i in range(1, 5))


@dataclasses.dataclass(frozen=True)
class SwinNames:
    """What a library calls the parts of a Swin transformer.

    Attributes:
      patches: the convolution of the stem.
      patch_norm: its norm.
      block: of stage and block, both from 0.
      merge: what stands before `norm` and `reduction` of the merge into a stage, from 1.
      attention: in a block.
      perceptron: its two layers, in a block.
      cells: how the cells of a merge are stacked.
    """

    patches: str
    patch_norm: str
    block: str
    merge: tuple[str, str, str]
    attention: str
    perceptron: tuple[str, str]
    cells: Layout

    def rules(self, blocks: tuple[int, ...], prefix: str = "") -> dict[str, Rule]:
        """The whole network but the norms of its outputs."""
        table = affine(f"{prefix}{self.patches}", "backbone/stem/conv", convolution)
        table |= layer_norm(f"{prefix}{self.patch_norm}", "backbone/stem/norm")
        for stage, number in enumerate(blocks):
            ours = f"backbone/stage{stage + 1}"
            if stage:
                table |= self._merge(f"{prefix}{self.merge[stage - 1]}", f"{ours}/merge")
            for block in range(number):
                theirs = prefix + self.block.format(stage=stage, block=block, part=2 * stage + 1)
                table |= self._block(theirs, f"{ours}/block{block}")
        return table

    def _merge(self, theirs: str, ours: str) -> dict[str, Rule]:
        reduction = Rule(f"params/{ours}/reduction/kernel", chain(self.cells, linear))
        norm = layer_norm(f"{theirs}.norm", f"{ours}/norm", self.cells)
        return {f"{theirs}.reduction.weight": reduction} | norm

    def _block(self, theirs: str, ours: str) -> dict[str, Rule]:
        attention = f"{theirs}.{self.attention}"
        bias = Rule(f"params/{ours}/attention/position_bias")
        return (
            {f"{attention}.relative_position_bias_table": bias}
            | layer_norm(f"{theirs}.norm1", f"{ours}/norm1")
            | layer_norm(f"{theirs}.norm2", f"{ours}/norm2")
            | affine(f"{attention}.qkv", f"{ours}/attention/qkv", linear)
            | affine(f"{attention}.proj", f"{ours}/attention/projection", linear)
            | affine(f"{theirs}.{self.perceptron[0]}", f"{ours}/expand", linear)
            | affine(f"{theirs}.{self.perceptron[1]}", f"{ours}/reduce", linear)
        )


TORCHVISION = SwinNames(
    patches="features.0.0",
    patch_norm="features.0.2",
    block="features.{part}.{block}",
    merge=("features.2", "features.4", "features.6"),
    attention="attn",
    perceptron=("mlp.0", "mlp.3"),
    cells=cells_by_column,
)
TIMM = SwinNames(
    patches="patch_embed.proj",
    patch_norm="patch_embed.norm",
    block="layers.{stage}.blocks.{block}",
    merge=("layers.1.downsample", "layers.2.downsample", "layers.3.downsample"),
    attention="attn",
    perceptron=("mlp.fc1", "mlp.fc2"),
    cells=cells_by_column,
)
# The authors' files, and timm's before version 0.9.
AUTHORS = dataclasses.replace(
    TIMM, merge=("layers.0.downsample", "layers.1.downsample", "layers.2.downsample")
)
MMDET = SwinNames(
    patches="patch_embed.projection",
    patch_norm="patch_embed.norm",
    block="stages.{stage}.blocks.{block}",
    merge=("stages.0.downsample", "stages.1.downsample", "stages.2.downsample"),
    attention="attn.w_msa",
    perceptron=("ffn.layers.0.0", "ffn.layers.1"),
    cells=channels_of_cells,
)


def imagenet(names: SwinNames, model: ModelSettings, fresh: tuple[str, ...]) -> NameMap:
    """A classifier: the backbone without the norms of its outputs.

    Raises:
      InputError: the model has another backbone.
    """
    check_backbone(model, Swin, MODELS)
    return NameMap(
        names.rules(backbone_of(model).blocks),
        unused=(INDEX, MASKS, "norm.*", "head.*"),
        fresh=(*OUTPUT_NORMS, *fresh),
        constants=constants(model),
    )


def mmdet_rules(model: ModelSettings, prefix: str) -> dict[str, Rule]:
    """The backbone of a detector, with the norms of its outputs."""
    norms = {}
    for i in range(4):
        norms |= layer_norm(f"{prefix}norm{i}", f"backbone/norm{i + 1}")
    return MMDET.rules(backbone_of(model).blocks, prefix) | norms


def constants(model: ModelSettings) -> dict[str, np.ndarray]:
    """The index of relative positions, flat or not."""
    return {INDEX: position_index(backbone_of(model).window)}
