"""Names of the published CMaskTrack R-CNN (mmdetection 0.6 with TFC in its track head)."""

from ovis_jax.checkpoints.rules import (
    Rule,
    convolution,
    linear,
    pointwise,
    roi_linear,
    transposed_convolution,
)

BLOCKS = (3, 4, 6, 3)


def rules() -> dict[str, Rule]:
    """Every tensor of the state dict, by its PyTorch name."""
    return _resnet50() | _fpn() | _rpn() | _heads() | _calibration()


def _affine(theirs: str, ours: str, convert) -> dict[str, Rule]:
    """Weight and bias of a convolution or linear layer."""
    return {
        f"{theirs}.weight": Rule(f"params/{ours}/kernel", convert),
        f"{theirs}.bias": Rule(f"params/{ours}/bias"),
    }


def _conv_batch_norm(conv: str, norm: str, ours: str) -> dict[str, Rule]:
    return {
        f"{conv}.weight": Rule(f"params/{ours}/conv/kernel", convolution),
        f"{norm}.weight": Rule(f"params/{ours}/norm/scale"),
        f"{norm}.bias": Rule(f"params/{ours}/norm/bias"),
        f"{norm}.running_mean": Rule(f"batch_stats/{ours}/norm/mean"),
        f"{norm}.running_var": Rule(f"batch_stats/{ours}/norm/var"),
    }


def _resnet50() -> dict[str, Rule]:
    table = _conv_batch_norm("backbone.conv1", "backbone.bn1", "backbone/stem")
    for stage, num_blocks in enumerate(BLOCKS, start=1):
        for block in range(num_blocks):
            theirs = f"backbone.layer{stage}.{block}"
            ours = f"backbone/stage{stage}/block{block}"
            for i in (1, 2, 3):
                table |= _conv_batch_norm(f"{theirs}.conv{i}", f"{theirs}.bn{i}", f"{ours}/conv{i}")
        table |= _conv_batch_norm(
            f"backbone.layer{stage}.0.downsample.0",
            f"backbone.layer{stage}.0.downsample.1",
            f"backbone/stage{stage}/block0/shortcut",
        )
    return table


def _fpn() -> dict[str, Rule]:
    table = {}
    for i in range(4):
        table |= _affine(f"neck.lateral_convs.{i}.conv", f"neck/lateral{i + 2}/conv", convolution)
        table |= _affine(f"neck.fpn_convs.{i}.conv", f"neck/output{i + 2}/conv", convolution)
    return table


def _rpn() -> dict[str, Rule]:
    return (
        _affine("rpn_head.rpn_conv", "rpn/hidden", convolution)
        | _affine("rpn_head.rpn_cls", "rpn/logits", convolution)
        | _affine("rpn_head.rpn_reg", "rpn/deltas", convolution)
    )


def _heads() -> dict[str, Rule]:
    table = (
        _affine("bbox_head.shared_fcs.0", "box/fc0", roi_linear(7))
        | _affine("bbox_head.shared_fcs.1", "box/fc1", linear)
        | _affine("bbox_head.fc_cls", "box/logits", linear)
        | _affine("bbox_head.fc_reg", "box/deltas", linear)
        | _affine("track_head.fcs.0", "track/fc0", roi_linear(7))
        | _affine("track_head.fcs.1", "track/fc1", linear)
        | _affine("mask_head.upsample", "mask/upsample", transposed_convolution)
        | _affine("mask_head.conv_logits", "mask/logits", pointwise)
    )
    for i in range(4):
        table |= _affine(f"mask_head.convs.{i}.conv", f"mask/conv{i}/conv", convolution)
    return table


def _calibration() -> dict[str, Rule]:
    table = _affine("track_head.conv_offset", "calibration/offset", convolution)
    for i in range(3):
        table |= _affine(
            f"track_head.offset_convs.{i}.conv", f"calibration/offset_convs_{i}", convolution
        )
    kernel = Rule("params/calibration/align/kernel", convolution)
    return table | {"track_head.dconv_featureflow.weight": kernel}
