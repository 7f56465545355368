"""Names of VidEoMT as the library transformers saves it (`VideomtForUniversalSegmentation`).

The same network and numbers as the authors' files (`videomt`); only DINOv2 exists there.
"""

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.layouts import convolution, linear
from ovis_jax.weights.maps.parts import ModelSettings, affine
from ovis_jax.weights.maps.videomt import block, encoder, leading_one, norm, upscaling
from ovis_jax.weights.rules import NameMap, Rule

CONFIG = "videomt_vitl_ovis"
VARIANTS = {
    "24 blocks (ViT-L)": encoder(24),
    "12 blocks (ViT-S, ViT-B)": encoder(12),
}
BUFFERS = ("embeddings.mask_token", "attn_mask_probs", "criterion.empty_weight")
BLOCK = {
    # theirs: ours
    "attention.q_proj": "attention/query",
    "attention.k_proj": "attention/key",
    "attention.v_proj": "attention/value",
    "attention.out_proj": "attention/out",
    "mlp.fc1": "mlp/up",
    "mlp.fc2": "mlp/down",
}
HEAD = {
    "query_updater": "head/updater",
    "class_predictor": "head/class_logits",
    "mask_head.fc1": "head/mask_layers_0",
    "mask_head.fc2": "head/mask_layers_1",
    "mask_head.fc3": "head/mask_layers_2",
}


def name_map(model: ModelSettings) -> NameMap:
    """The whole file.

    Raises:
      InputError: the model has no table of positions.
    """
    if not model.encoder.table_side:
        raise InputError(
            "config.model.encoder.table_side: 0, expected the side of a table of positions; with "
            "DINOv3 there are the authors' files only"
        )
    return NameMap(rules(model), unused=BUFFERS)


def rules(model: ModelSettings) -> dict[str, Rule]:
    """Every tensor of the state dict by its PyTorch name."""
    patches = "embeddings.patch_embeddings.projection"
    table = affine(patches, "encoder/patch_embedding", convolution) | {
        "embeddings.cls_token": Rule("params/encoder/class_token", leading_one),
        "embeddings.register_tokens": Rule("params/encoder/register_tokens", leading_one),
        "embeddings.position_embeddings.weight": Rule("params/encoder/positions"),
        "query.weight": Rule("params/head/queries"),
    }
    scales = ("layer_scale1.lambda1", "layer_scale2.lambda1")
    for number in range(model.encoder.depth):
        table |= block(f"layers.{number}", f"encoder/blocks_{number}", BLOCK, scales)
    table |= norm("layernorm", "encoder/norm")
    for theirs, ours in HEAD.items():
        table |= affine(theirs, ours, linear)
    for number in range(model.head.doublings):
        theirs, ours = f"upscale_block.block.{number}", f"head/upscaling_{number}"
        table |= upscaling(theirs, ours, "layernorm2d")
    return table
