"""Names and shapes of the tensors of QueryInst, in mmdetection 2.x."""

from weights.maps.published_names import Shapes, batch_norm, conv, linear, resnet50


def layer_norm(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def dynamic_conv(name: str) -> Shapes:
    """Of QueryInst's box and mask heads."""
    norms = layer_norm(f"{name}.norm_in", 64) | layer_norm(f"{name}.norm_out", 256)
    return linear(f"{name}.dynamic_layer", 32768, 256) | norms


def query_stage(name: str, classes: int) -> Shapes:
    """A box head of QueryInst."""
    attention, interaction = f"{name}.attention.attn", f"{name}.instance_interactive_conv"
    shapes = {f"{attention}.in_proj_weight": (768, 256), f"{attention}.in_proj_bias": (768,)}
    for norm in ("attention_norm", "instance_interactive_conv_norm", "ffn_norm"):
        shapes |= layer_norm(f"{name}.{norm}", 256)
    for fcs, count in (("cls_fcs", 1), ("reg_fcs", 3)):
        for i in range(count):
            shapes |= {f"{name}.{fcs}.{3 * i}.weight": (256, 256)}
            shapes |= layer_norm(f"{name}.{fcs}.{3 * i + 1}", 256)
    return (
        shapes
        | linear(f"{attention}.out_proj", 256, 256)
        | dynamic_conv(interaction)
        | linear(f"{interaction}.fc_layer", 256, 12544)
        | layer_norm(f"{interaction}.fc_norm", 256)
        | linear(f"{name}.ffn.layers.0.0", 2048, 256)
        | linear(f"{name}.ffn.layers.1", 256, 2048)
        | linear(f"{name}.fc_cls", classes, 256)
        | linear(f"{name}.fc_reg", 4, 256)
    )


def query_masks(name: str, classes: int) -> Shapes:
    """A mask head of QueryInst."""
    shapes = dynamic_conv(f"{name}.instance_interactive_conv")
    for i in range(4):
        shapes |= conv(f"{name}.convs.{i}.conv", 256, 256, 3)
        shapes |= batch_norm(f"{name}.convs.{i}.bn", 256, counter=True)
    return (
        shapes
        | conv(f"{name}.upsample", 256, 256, 2)
        | conv(f"{name}.conv_logits", classes, 256, 1)
    )


def queryinst(classes: int) -> Shapes:
    """QueryInst with 100 queries, in mmdetection 2.x."""
    shapes = resnet50("backbone.")
    for i in range(4):
        shapes |= conv(f"neck.lateral_convs.{i}.conv", 256, 256 * 2**i, 1)
        shapes |= conv(f"neck.fpn_convs.{i}.conv", 256, 256, 3)
    shapes |= {
        "rpn_head.init_proposal_bboxes.weight": (100, 4),
        "rpn_head.init_proposal_features.weight": (100, 256),
    }
    for i in range(6):
        shapes |= query_stage(f"roi_head.bbox_head.{i}", classes)
        shapes |= query_masks(f"roi_head.mask_head.{i}", classes)
    return shapes
