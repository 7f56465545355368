"""Names of QueryInst as mmdetection 2.x and its authors write it; QueryVIS itself has no file.

Exact for images: this package computes what the file was trained for. The files are of COCO, with
80 classes; `--categories` of `import-weights` leaves their layers of classes out. The track head
was never published and is newly initialised. The backbone is that of `config.model.backbone`, also
ResNeXt or Swin.
"""

from ovis_jax.weights.layouts import convolution, linear, pointwise, transposed_convolution
from ovis_jax.weights.maps import mmdet_backbones
from ovis_jax.weights.maps.parts import COUNTERS, ModelSettings, affine
from ovis_jax.weights.rules import NameMap, Rule

LEVELS = range(2, 6)
STAGES, CLASS_LAYERS, BOX_LAYERS, MASK_CONVS = 6, 1, 3, 4  # as published
LAYERS_OF_A_LAYER = 3  # in a list of theirs: linear, norm, ReLU
CONFIG = "queryvis_r50_ovis"
VARIANTS = mmdet_backbones.SIZES


def name_map(model: ModelSettings) -> NameMap:
    """The whole file; the track head is newly initialised."""
    frozen = getattr(getattr(model, "mask", None), "norm", "batch") == "frozen_batch"
    constants = mmdet_backbones.constants(model)
    return NameMap(
        rules(model, frozen_masks=frozen),
        unused=(COUNTERS, *constants),
        fresh=("track",),
        constants=constants,
    )


def rules(model: ModelSettings, frozen_masks: bool = False) -> dict[str, Rule]:
    """Every tensor of the state dict, by its PyTorch name.

    Args:
      model: settings, of which the backbone is read.
      frozen_masks: the mask heads have the norm "frozen_batch" instead of "batch".
    """
    table = mmdet_backbones.rules(model) | _queries()
    for i, level in enumerate(LEVELS):
        table |= affine(f"neck.lateral_convs.{i}.conv", f"neck/lateral{level}/conv", convolution)
        table |= affine(f"neck.fpn_convs.{i}.conv", f"neck/output{level}/conv", convolution)
    for i in range(STAGES):
        table |= _stage(f"roi_head.bbox_head.{i}", f"stages_{i}")
        table |= _masks(f"roi_head.mask_head.{i}", f"masks_{i}", frozen_masks)
    return table


def track_rules(theirs: str = "track_head") -> dict[str, Rule]:
    """Two linear layers that read vectors; nobody publishes such a file."""
    return affine(f"{theirs}.fcs.0", "track/fc0", linear) | affine(
        f"{theirs}.fcs.1", "track/fc1", linear
    )


def _queries() -> dict[str, Rule]:
    return {
        "rpn_head.init_proposal_bboxes.weight": Rule("params/queries/boxes"),
        "rpn_head.init_proposal_features.weight": Rule("params/queries/features"),
    }


def _stage(theirs: str, ours: str) -> dict[str, Rule]:
    """Box head of a stage."""
    attention = f"{theirs}.attention.attn"
    table = {
        f"{attention}.in_proj_weight": Rule(f"params/{ours}/attention/in_proj/kernel", linear),
        f"{attention}.in_proj_bias": Rule(f"params/{ours}/attention/in_proj/bias"),
    }
    conv = f"{theirs}.instance_interactive_conv"
    table |= (
        affine(f"{attention}.out_proj", f"{ours}/attention/out_proj", linear)
        | _norm(f"{theirs}.attention_norm", f"{ours}/attention_norm")
        | _dynamic_conv(conv, f"{ours}/interaction")
        | affine(f"{conv}.fc_layer", f"{ours}/interaction_fc", linear)
        | _norm(f"{conv}.fc_norm", f"{ours}/interaction_fc_norm")
        | _norm(f"{conv}_norm", f"{ours}/interaction_norm")
        | affine(f"{theirs}.ffn.layers.0.0", f"{ours}/feedforward0", linear)
        | affine(f"{theirs}.ffn.layers.1", f"{ours}/feedforward1", linear)
        | _norm(f"{theirs}.ffn_norm", f"{ours}/feedforward_norm")
        | affine(f"{theirs}.fc_cls", f"{ours}/logits", linear)
        | affine(f"{theirs}.fc_reg", f"{ours}/deltas", linear)
    )
    for name, own, count in (("cls", "class", CLASS_LAYERS), ("reg", "box", BOX_LAYERS)):
        for i in range(count):
            first = f"{theirs}.{name}_fcs.{LAYERS_OF_A_LAYER * i}"
            table[f"{first}.weight"] = Rule(f"params/{ours}/{own}_fc{i}/kernel", linear)
            norm = f"{theirs}.{name}_fcs.{LAYERS_OF_A_LAYER * i + 1}"
            table |= _norm(norm, f"{ours}/{own}_norm{i}")
    return table


def _masks(theirs: str, ours: str, frozen: bool) -> dict[str, Rule]:
    """Mask head of a stage."""
    table = _dynamic_conv(f"{theirs}.instance_interactive_conv", f"{ours}/interaction")
    for i in range(MASK_CONVS):
        conv, norm = f"{theirs}.convs.{i}", f"{ours}/norm{i}"
        table |= affine(f"{conv}.conv", f"{ours}/conv{i}", convolution)
        table |= _norm(f"{conv}.bn", norm)
        for array in ("mean", "var"):
            collection = "batch_stats" if frozen else "running_stats"
            table[f"{conv}.bn.running_{array}"] = Rule(f"{collection}/{norm}/{array}")
    return (
        table
        | affine(f"{theirs}.upsample", f"{ours}/upsample", transposed_convolution)
        | affine(f"{theirs}.conv_logits", f"{ours}/logits", pointwise)
    )


def _dynamic_conv(theirs: str, ours: str) -> dict[str, Rule]:
    return (
        affine(f"{theirs}.dynamic_layer", f"{ours}/kernels", linear)
        | _norm(f"{theirs}.norm_in", f"{ours}/norm_in")
        | _norm(f"{theirs}.norm_out", f"{ours}/norm_out")
    )


def _norm(theirs: str, ours: str) -> dict[str, Rule]:
    return {
        f"{theirs}.weight": Rule(f"params/{ours}/scale"),
        f"{theirs}.bias": Rule(f"params/{ours}/bias"),
    }
