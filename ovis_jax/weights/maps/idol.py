"""Names of the published IDOL (detectron2; the entry `model` of its files), ResNet or Swin.

Exact: this package computes what the files were trained for. Their input is RGB, normalised as
here. The predictors of boxes stand there twice, once under the decoder: the second is not read.
The files for OVIS have 25 classes, those of COCO, which training begins with, 80:
`model.num_classes` must say so.
"""

from collections.abc import Mapping

from ovis_jax.models.backbones.resnet import ResNet
from ovis_jax.models.backbones.swin import Swin
from ovis_jax.weights.layouts import convolution, linear
from ovis_jax.weights.maps import swin
from ovis_jax.weights.maps.parts import (
    COUNTERS,
    RESNETS,
    ModelSettings,
    affine,
    backbone_of,
    detectron2_resnet,
    layer_norm,
    named_model,
    resnet_depth,
)
from ovis_jax.weights.rules import NameMap, Rule

CONFIG = "idol_r50_ovis"
DETR = "detr.detr"
BACKBONE = f"{DETR}.backbone.0.backbone."
TRANSFORMER = f"{DETR}.transformer"
TWICE = f"{TRANSFORMER}.decoder.bbox_embed.*"
PERCEPTRON_LAYERS = 3
ATTENTION = {
    # theirs: ours
    "sampling_offsets": "offsets",
    "attention_weights": "weights",
    "value_proj": "values",
    "output_proj": "output",
}
MASK_CONVS = {
    "lay3": "fuse0",
    "lay4": "fuse1",
    "dcn": "fuse2",
    "lay1": "narrow",
    "lay2": "features",
}


VARIANTS: Mapping[str, ModelSettings] = {**RESNETS, "Swin-L": named_model("swin_l_mmdet")}
PUBLISHED_LAYERS, PUBLISHED_EXTRA_LEVELS = 6, 1


def name_map(model: ModelSettings) -> NameMap:
    """The whole file."""
    constants = swin.constants(model) if isinstance(backbone_of(model), Swin) else {}
    unused = (COUNTERS, TWICE, *((*constants, swin.MASKS) if constants else ()))
    return NameMap(rules(model), unused=unused, constants=constants)


def rules(model: ModelSettings) -> dict[str, Rule]:
    """Every tensor of the state dict that is read, by its PyTorch name."""
    layers = range(_setting(model, "transformer", "num_layers", PUBLISHED_LAYERS))
    extra = _setting(model, "neck", "extra_levels", PUBLISHED_EXTRA_LEVELS)
    table = _backbone(model)
    for number in range(3 + extra):
        theirs, ours = f"{DETR}.input_proj.{number}", number + 3
        table |= affine(f"{theirs}.0", f"neck/project{ours}", convolution)
        table |= layer_norm(f"{theirs}.1", f"neck/norm{ours}")
    for number in layers:
        table |= _encoder_layer(f"{TRANSFORMER}.encoder.layers.{number}", f"encoder_{number}")
        table |= _decoder_layer(f"{TRANSFORMER}.decoder.layers.{number}", f"decoder_{number}")
        table |= affine(f"{DETR}.class_embed.{number}", f"head/class_logits_{number}", linear)
        table |= _perceptron(f"{DETR}.bbox_embed.{number}", f"transformer/boxes_{number}")
    table |= affine(f"{TRANSFORMER}.reference_points", "transformer/first_places", linear)
    table |= {
        f"{TRANSFORMER}.level_embed": Rule("params/transformer/level_codes"),
        f"{DETR}.query_embed.weight": Rule("params/transformer/queries"),
    }
    table |= _perceptron("detr.controller", "head/controller")
    table |= _perceptron("detr.reid_embed_head", "head/embedding")
    for theirs, ours in MASK_CONVS.items():
        table |= affine(f"detr.mask_head.{theirs}", f"masks/{ours}", convolution)
    return table


def _setting(model: ModelSettings, part: str, field: str, published: int) -> int:
    """A setting that a model may leave as it was published."""
    return getattr(getattr(model, part, None), field, published)


def _backbone(model: ModelSettings) -> dict[str, Rule]:
    backbone = backbone_of(model)
    if isinstance(backbone, ResNet):
        return detectron2_resnet(resnet_depth(model), convolution, BACKBONE)
    norms = {}
    for number in range(4):
        norms |= layer_norm(f"{BACKBONE}norm{number}", f"backbone/norm{number + 1}")
    return swin.AUTHORS.rules(backbone.blocks, BACKBONE) | norms


def _encoder_layer(theirs: str, ours: str) -> dict[str, Rule]:
    ours = f"transformer/{ours}"
    return (
        _attention(f"{theirs}.self_attn", f"{ours}/attention")
        | layer_norm(f"{theirs}.norm1", f"{ours}/attention_norm")
        | _feedforward(theirs, ours, "norm2")
    )


def _decoder_layer(theirs: str, ours: str) -> dict[str, Rule]:
    ours = f"transformer/{ours}"
    attention = f"{theirs}.self_attn"
    joint = f"params/{ours}/self_attention/in_proj"
    return (
        {
            f"{attention}.in_proj_weight": Rule(f"{joint}/kernel", linear),
            f"{attention}.in_proj_bias": Rule(f"{joint}/bias"),
        }
        | affine(f"{attention}.out_proj", f"{ours}/self_attention/out_proj", linear)
        | layer_norm(f"{theirs}.norm2", f"{ours}/self_attention_norm")
        | _attention(f"{theirs}.cross_attn", f"{ours}/attention")
        | layer_norm(f"{theirs}.norm1", f"{ours}/attention_norm")
        | _feedforward(theirs, ours, "norm3")
    )


def _attention(theirs: str, ours: str) -> dict[str, Rule]:
    table = {}
    for their_layer, our_layer in ATTENTION.items():
        table |= affine(f"{theirs}.{their_layer}", f"{ours}/{our_layer}", linear)
    return table


def _feedforward(theirs: str, ours: str, norm: str) -> dict[str, Rule]:
    return (
        affine(f"{theirs}.linear1", f"{ours}/feedforward/expand", linear)
        | affine(f"{theirs}.linear2", f"{ours}/feedforward/reduce", linear)
        | layer_norm(f"{theirs}.{norm}", f"{ours}/feedforward/norm")
    )


def _perceptron(theirs: str, ours: str) -> dict[str, Rule]:
    table = {}
    for number in range(PERCEPTRON_LAYERS):
        table |= affine(f"{theirs}.layers.{number}", f"{ours}/layers_{number}", linear)
    return table
