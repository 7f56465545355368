"""Names of the published VidEoMT: the authors' files (`model`, or bare), DINOv2 or DINOv3 inside.

Exact: this package computes what the files were trained for. Which encoder a file has says
`config.model.encoder.table_side`: DINOv3 has no table of positions. With DINOv2, one tensor holds
the projections to queries, keys and values.
"""

import types
from collections.abc import Mapping

from ovis_jax.weights.layouts import (
    Layout,
    convolution,
    linear,
    transposed_convolution,
)
from ovis_jax.weights.maps.parts import ModelSettings, affine
from ovis_jax.weights.rules import NameMap, Rule
from ovis_jax.weights.splits import Split

CONFIG = "videomt_vitl_ovis"
BACKBONE = "backbone.encoder.backbone"
BUFFERS = ("backbone.attn_mask_probs", "criterion.empty_weight", "*.rope_embeddings.*")
QKV = Split(r"\.attn\.qkv\.", (".attn.q.", ".attn.k.", ".attn.v."))
DINOV2_BLOCK = {
    # theirs: ours
    "attn.q": "attention/query",
    "attn.k": "attention/key",
    "attn.v": "attention/value",
    "attn.proj": "attention/out",
    "mlp.fc1": "mlp/up",
    "mlp.fc2": "mlp/down",
}
DINOV3_BLOCK = {
    "attention.q_proj": "attention/query",
    "attention.k_proj": "attention/key",
    "attention.v_proj": "attention/value",
    "attention.o_proj": "attention/out",
    "mlp.up_proj": "mlp/up",
    "mlp.down_proj": "mlp/down",
}
HEAD = {
    "query_updater": "head/updater",
    "class_head": "head/class_logits",
    "mask_head.0": "head/mask_layers_0",
    "mask_head.2": "head/mask_layers_1",
    "mask_head.4": "head/mask_layers_2",
}
# [1, ...] to [...], and back.
leading_one = Layout(lambda x: x[0], lambda x: x[None])


def encoder(depth: int, table_side: int = 40, doublings: int = 2) -> ModelSettings:
    """Settings that the names of a model depend on."""
    return types.SimpleNamespace(
        encoder=types.SimpleNamespace(depth=depth, table_side=table_side),
        head=types.SimpleNamespace(doublings=doublings),
    )


VARIANTS: Mapping[str, ModelSettings] = {
    "DINOv2 of 24 blocks (ViT-L)": encoder(24),
    "DINOv2 of 12 blocks (ViT-S, ViT-B)": encoder(12),
    "DINOv3 of 24 blocks (ViT-L)": encoder(24, table_side=0),
}


def name_map(model: ModelSettings) -> NameMap:
    """The whole file."""
    return NameMap(rules(model), unused=BUFFERS, splits=(QKV,))


def rules(model: ModelSettings) -> dict[str, Rule]:
    """Every tensor of the state dict by its PyTorch name, q, k and v apart."""
    settings = model.encoder
    table = _dinov2() if settings.table_side else _dinov3()
    for number in range(settings.depth):
        theirs, ours = f"{BACKBONE}.blocks.{number}", f"encoder/blocks_{number}"
        if settings.table_side:
            table |= block(theirs, ours, DINOV2_BLOCK, ("ls1.gamma", "ls2.gamma"))
        else:
            scales = ("layer_scale1.lambda1", "layer_scale2.lambda1")
            table |= block(theirs, ours, DINOV3_BLOCK, scales)
            del table[f"{theirs}.attention.k_proj.bias"]
    table |= norm(f"{BACKBONE}.norm", "encoder/norm")
    table |= {"backbone.q.weight": Rule("params/head/queries")}
    for theirs, ours in HEAD.items():
        table |= affine(f"backbone.{theirs}", ours, linear)
    for number in range(model.head.doublings):
        theirs, ours = f"backbone.upscale.{number}", f"head/upscaling_{number}"
        table |= upscaling(theirs, ours, "norm")
    return table


def block(
    theirs: str, ours: str, layers: Mapping[str, str], scales: tuple[str, str]
) -> dict[str, Rule]:
    """A block: linear layers by name, two norms, two scales."""
    table = {}
    for their_layer, our_layer in layers.items():
        table |= affine(f"{theirs}.{their_layer}", f"{ours}/{our_layer}", linear)
    for number, scale in enumerate(scales, start=1):
        table |= norm(f"{theirs}.norm{number}", f"{ours}/norm{number}")
        table[f"{theirs}.{scale}"] = Rule(f"params/{ours}/scale{number}")
    return table


def upscaling(theirs: str, ours: str, norm_name: str) -> dict[str, Rule]:
    """A doubling of the grid."""
    return (
        affine(f"{theirs}.conv1", f"{ours}/double", transposed_convolution)
        | {f"{theirs}.conv2.weight": Rule(f"params/{ours}/depthwise/kernel", convolution)}
        | norm(f"{theirs}.{norm_name}", f"{ours}/norm")
    )


def norm(theirs: str, ours: str) -> dict[str, Rule]:
    """Scale and bias of a layer norm."""
    return {
        f"{theirs}.weight": Rule(f"params/{ours}/scale"),
        f"{theirs}.bias": Rule(f"params/{ours}/bias"),
    }


def _dinov2() -> dict[str, Rule]:
    return affine(f"{BACKBONE}.patch_embed.proj", "encoder/patch_embedding", convolution) | {
        f"{BACKBONE}.cls_token": Rule("params/encoder/class_token", leading_one),
        f"{BACKBONE}.reg_token": Rule("params/encoder/register_tokens", leading_one),
        f"{BACKBONE}.pos_embed": Rule("params/encoder/positions", leading_one),
    }


def _dinov3() -> dict[str, Rule]:
    theirs = f"{BACKBONE}.patch_embed"
    return affine(f"{theirs}.patch_embeddings", "encoder/patch_embedding", convolution) | {
        f"{theirs}.cls_token": Rule("params/encoder/class_token", leading_one),
        f"{theirs}.register_tokens": Rule("params/encoder/register_tokens", leading_one),
    }
