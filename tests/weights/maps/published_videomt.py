"""Names and shapes of the tensors of VidEoMT, as both publications save them."""

from weights.maps.published_names import Shapes, conv, linear


def videomt(classes: int, width: int = 384, blocks: int = 12, queries: int = 200) -> Shapes:
    """The authors' VidEoMT with DINOv2 inside, ViT-S."""
    inner = "backbone.encoder.backbone"
    shapes = {
        "backbone.attn_mask_probs": (3,),
        "criterion.empty_weight": (classes + 1,),
        f"{inner}.cls_token": (1, 1, width),
        f"{inner}.reg_token": (1, 4, width),
        f"{inner}.pos_embed": (1, 1600, width),
        "backbone.q.weight": (queries, width),
    }
    shapes |= conv(f"{inner}.patch_embed.proj", width, 3, 16) | vector_pair(f"{inner}.norm", width)
    for i in range(blocks):
        name = f"{inner}.blocks.{i}"
        shapes |= linear(f"{name}.attn.qkv", 3 * width, width)
        shapes |= linear(f"{name}.attn.proj", width, width)
        shapes |= linear(f"{name}.mlp.fc1", 4 * width, width)
        shapes |= linear(f"{name}.mlp.fc2", width, 4 * width)
        for j in (1, 2):
            shapes |= vector_pair(f"{name}.norm{j}", width) | {f"{name}.ls{j}.gamma": (width,)}
    shapes |= linear("backbone.class_head", classes + 1, width)
    for name in ("query_updater", "mask_head.0", "mask_head.2", "mask_head.4"):
        shapes |= linear(f"backbone.{name}", width, width)
    for i in range(2):
        shapes |= doubling(f"backbone.upscale.{i}", "norm", width)
    return shapes


def videomt_of_transformers(
    classes: int, width: int = 384, blocks: int = 12, queries: int = 200
) -> Shapes:
    """VidEoMT as transformers 5.24 saves it, ViT-S."""
    shapes = {
        "attn_mask_probs": (3,),
        "criterion.empty_weight": (classes + 1,),
        "embeddings.mask_token": (1, 1, width),
        "embeddings.cls_token": (1, 1, width),
        "embeddings.register_tokens": (1, 4, width),
        "embeddings.position_embeddings.weight": (1600, width),
        "query.weight": (queries, width),
    }
    shapes |= conv("embeddings.patch_embeddings.projection", width, 3, 16)
    shapes |= vector_pair("layernorm", width)
    for i in range(blocks):
        name = f"layers.{i}"
        for layer in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= linear(f"{name}.attention.{layer}", width, width)
        shapes |= linear(f"{name}.mlp.fc1", 4 * width, width)
        shapes |= linear(f"{name}.mlp.fc2", width, 4 * width)
        for j in (1, 2):
            shapes |= vector_pair(f"{name}.norm{j}", width)
            shapes |= {f"{name}.layer_scale{j}.lambda1": (width,)}
    shapes |= linear("class_predictor", classes + 1, width)
    for name in ("query_updater", "mask_head.fc1", "mask_head.fc2", "mask_head.fc3"):
        shapes |= linear(name, width, width)
    for i in range(2):
        shapes |= doubling(f"upscale_block.block.{i}", "layernorm2d", width)
    return shapes


def vector_pair(name: str, width: int) -> Shapes:
    """Weight and bias of a layer norm."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def doubling(name: str, norm: str, width: int) -> Shapes:
    shapes = conv(f"{name}.conv1", width, width, 2)
    shapes |= {f"{name}.conv2.weight": (width, 1, 3, 3)}
    return shapes | vector_pair(f"{name}.{norm}", width)
