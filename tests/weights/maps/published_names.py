"""Names and shapes of the tensors that the libraries themselves save, for ResNet-50.

torchvision and timm: as `state_dict()` of torchvision 0.28 and timm 1.0.31 gives them. mmdetection
and detectron2: from their sources and the names that their users report.
"""

Shapes = dict[str, tuple[int, ...]]

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))


def conv(name: str, out: int, inside: int, size: int, bias: bool = True) -> Shapes:
    shapes = {f"{name}.weight": (out, inside, size, size)}
    return shapes | ({f"{name}.bias": (out,)} if bias else {})


def linear(name: str, out: int, inside: int) -> Shapes:
    return {f"{name}.weight": (out, inside), f"{name}.bias": (out,)}


def batch_norm(name: str, channels: int, counter: bool) -> Shapes:
    arrays = ("weight", "bias", "running_mean", "running_var")
    shapes = {f"{name}.{array}": (channels,) for array in arrays}
    return shapes | ({f"{name}.num_batches_tracked": ()} if counter else {})


def resnet50(prefix: str = "", counters: bool = True, stages=STAGES) -> Shapes:
    """With torchvision's names."""
    shapes = conv(f"{prefix}conv1", 64, 3, 7, False) | batch_norm(f"{prefix}bn1", 64, counters)
    inside = 64
    for stage, (width, blocks) in enumerate(stages, start=1):
        for block in range(blocks):
            name = f"{prefix}layer{stage}.{block}"
            sizes = ((width, inside, 1), (width, width, 3), (4 * width, width, 1))
            for i, (out, before, size) in enumerate(sizes, start=1):
                shapes |= conv(f"{name}.conv{i}", out, before, size, False)
                shapes |= batch_norm(f"{name}.bn{i}", out, counters)
            if block == 0:
                shapes |= conv(f"{name}.downsample.0", 4 * width, inside, 1, False)
                shapes |= batch_norm(f"{name}.downsample.1", 4 * width, counters)
            inside = 4 * width
    return shapes


def imagenet() -> Shapes:
    return resnet50() | linear("fc", 1000, 2048)


def mmdet(heads: str, box_classes: int, delta_classes: int, mask_classes: int) -> Shapes:
    """Mask R-CNN of mmdetection; `heads` is "roi_head." since version 2."""
    shapes = resnet50("backbone.")
    for i in range(4):
        shapes |= conv(f"neck.lateral_convs.{i}.conv", 256, 256 * 2**i, 1)
        shapes |= conv(f"neck.fpn_convs.{i}.conv", 256, 256, 3)
        shapes |= conv(f"{heads}mask_head.convs.{i}.conv", 256, 256, 3)
    return (
        shapes
        | conv("rpn_head.rpn_conv", 256, 256, 3)
        | conv("rpn_head.rpn_cls", 3, 256, 1)
        | conv("rpn_head.rpn_reg", 12, 256, 1)
        | linear(f"{heads}bbox_head.shared_fcs.0", 1024, 12544)
        | linear(f"{heads}bbox_head.shared_fcs.1", 1024, 1024)
        | linear(f"{heads}bbox_head.fc_cls", box_classes, 1024)
        | linear(f"{heads}bbox_head.fc_reg", 4 * delta_classes, 1024)
        | conv(f"{heads}mask_head.upsample", 256, 256, 2)
        | conv(f"{heads}mask_head.conv_logits", mask_classes, 256, 1)
    )


def masktrack(classes: int) -> Shapes:
    track = linear("track_head.fcs.0", 1024, 12544) | linear("track_head.fcs.1", 1024, 1024)
    return mmdet("", classes + 1, classes + 1, classes + 1) | track


def cmasktrack() -> Shapes:
    shapes = masktrack(25) | conv("track_head.conv_offset", 18, 256, 3)
    for i in range(3):
        shapes |= conv(f"track_head.offset_convs.{i}.conv", 256, 256, 3)
    return shapes | conv("track_head.dconv_featureflow", 256, 256, 3, bias=False)


def group_norm_conv(name: str, channels: int = 256) -> Shapes:
    norm = {f"{name}.gn.weight": (channels,), f"{name}.gn.bias": (channels,)}
    return conv(f"{name}.conv", channels, channels, 3, bias=False) | norm


def sipmask(classes: int) -> Shapes:
    """SipMask for video, in mmdetection 1.x."""
    shapes, head = resnet50("backbone."), "bbox_head"
    for i in range(3):
        shapes |= conv(f"neck.lateral_convs.{i}.conv", 256, 512 * 2**i, 1)
    for i in range(5):
        shapes |= conv(f"neck.fpn_convs.{i}.conv", 256, 256, 3)
        shapes |= {f"{head}.scales.{i}.scale": ()}
    for tower, length in (("cls_convs", 2), ("reg_convs", 3), ("track_convs", 2)):
        for i in range(length):
            shapes |= group_norm_conv(f"{head}.{tower}.{i}")
    align = f"{head}.feat_align"
    return (
        shapes
        | conv(f"{align}.conv_offset", 72, 4, 1, bias=False)
        | conv(f"{align}.conv_adaption", 256, 256, 3, bias=False)
        | {f"{align}.norm.weight": (256,), f"{align}.norm.bias": (256,)}
        | conv(f"{head}.fcos_cls", classes, 256, 3)
        | conv(f"{head}.fcos_reg", 4, 256, 3)
        | conv(f"{head}.fcos_centerness", 1, 256, 3)
        | conv(f"{head}.sip_cof", 128, 256, 3)
        | conv(f"{head}.sip_mask_lat0", 512, 768, 1)
        | conv(f"{head}.sip_mask_lat", 32, 512, 3)
        | conv(f"{head}.sipmask_track", 512, 768, 1)
    )


def torchvision(layer: str = "", rpn: str = "conv") -> Shapes:
    """Mask R-CNN of torchvision.

    Args:
      layer: what stands after the number of a pyramid convolution.
      rpn: name of the first convolution of the RPN.
    """
    shapes = resnet50("backbone.body.", counters=False)  # FrozenBatchNorm2d has no counter
    for i in range(4):
        shapes |= conv(f"backbone.fpn.inner_blocks.{i}{layer}", 256, 256 * 2**i, 1)
        shapes |= conv(f"backbone.fpn.layer_blocks.{i}{layer}", 256, 256, 3)
        shapes |= conv(f"roi_heads.mask_head.mask_fcn{i + 1}", 256, 256, 3)
    return (
        shapes
        | conv(f"rpn.head.{rpn}", 256, 256, 3)
        | conv("rpn.head.cls_logits", 3, 256, 1)
        | conv("rpn.head.bbox_pred", 12, 256, 1)
        | linear("roi_heads.box_head.fc6", 1024, 12544)
        | linear("roi_heads.box_head.fc7", 1024, 1024)
        | linear("roi_heads.box_predictor.cls_score", 91, 1024)
        | linear("roi_heads.box_predictor.bbox_pred", 364, 1024)
        | conv("roi_heads.mask_predictor.conv5_mask", 256, 256, 2)
        | conv("roi_heads.mask_predictor.mask_fcn_logits", 91, 256, 1)
    )


def newer_torchvision() -> Shapes:
    """Mask R-CNN of torchvision since its heads are made of layer blocks."""
    shapes = torchvision(layer=".0", rpn="conv.0.0")
    old = [name for name in shapes if ".mask_fcn" in name and "logits" not in name]
    for name in old:
        head, number, array = name.replace("mask_fcn", "").rsplit(".", 2)
        shapes[f"{head}.{int(number) - 1}.0.{array}"] = shapes.pop(name)
    return shapes


def detectron2_resnet50() -> Shapes:
    """The backbone with detectron2's names; its frozen batch norms have no counters."""
    shapes = {}
    for name, shape in resnet50("backbone.bottom_up.", counters=False).items():
        for stage in range(1, 5):
            name = name.replace(f".layer{stage}.", f".res{stage + 1}.")
        name = name.replace("bottom_up.conv1", "bottom_up.stem.conv1")
        name = name.replace("bottom_up.bn1", "bottom_up.stem.conv1.norm")
        for i in range(1, 4):
            name = name.replace(f".bn{i}.", f".conv{i}.norm.")
        name = name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")
        shapes[name] = shape
    return shapes


def detectron2(older: bool = False) -> Shapes:
    """Mask R-CNN of detectron2; `older` versions saved their anchors too."""
    shapes = detectron2_resnet50()
    for i in range(4):
        shapes |= conv(f"backbone.fpn_lateral{i + 2}", 256, 256 * 2**i, 1)
        shapes |= conv(f"backbone.fpn_output{i + 2}", 256, 256, 3)
        shapes |= conv(f"roi_heads.mask_head.mask_fcn{i + 1}", 256, 256, 3)
    if older:
        anchors = "proposal_generator.anchor_generator.cell_anchors"
        shapes |= {f"{anchors}.{i}": (3, 4) for i in range(5)}
    return (
        shapes
        | conv("proposal_generator.rpn_head.conv", 256, 256, 3)
        | conv("proposal_generator.rpn_head.objectness_logits", 3, 256, 1)
        | conv("proposal_generator.rpn_head.anchor_deltas", 12, 256, 1)
        | linear("roi_heads.box_head.fc1", 1024, 12544)
        | linear("roi_heads.box_head.fc2", 1024, 1024)
        | linear("roi_heads.box_predictor.cls_score", 81, 1024)
        | linear("roi_heads.box_predictor.bbox_pred", 320, 1024)
        | conv("roi_heads.mask_head.deconv", 256, 256, 2)
        | conv("roi_heads.mask_head.predictor", 80, 256, 1)
    )


def crossvis(classes: int, identities: int = 3774) -> Shapes:
    """CrossVIS, in AdelaiDet."""
    shapes, head = detectron2_resnet50(), "proposal_generator.fcos_head"
    for i in range(3, 6):
        shapes |= conv(f"backbone.fpn_lateral{i}", 256, 64 * 2**i, 1)
        shapes |= conv(f"backbone.fpn_output{i}", 256, 256, 3)
    for i in (6, 7):
        shapes |= conv(f"backbone.top_block.p{i}", 256, 256, 3)
    for tower in ("cls_tower", "bbox_tower", "reid_tower"):
        for i in range(4):
            shapes |= conv(f"{head}.{tower}.{3 * i}", 256, 256, 3)
            norm = f"{head}.{tower}.{3 * i + 1}"
            shapes |= {f"{norm}.weight": (256,), f"{norm}.bias": (256,)}
    for i in range(5):
        shapes |= {f"{head}.scales.{i}.scale": (1,)}
    for i in range(3):
        shapes |= conv(f"mask_branch.refine.{i}.0", 128, 256, 3, bias=False)
        shapes |= batch_norm(f"mask_branch.refine.{i}.1", 128, counter=True)
    for i in range(4):
        shapes |= conv(f"mask_branch.tower.{i}.0", 128, 128, 3, bias=False)
        shapes |= batch_norm(f"mask_branch.tower.{i}.1", 128, counter=True)
    return (
        shapes
        | conv(f"{head}.cls_logits", classes, 256, 3)
        | conv(f"{head}.bbox_pred", 4, 256, 3)
        | conv(f"{head}.ctrness", 1, 256, 3)
        | conv(f"{head}.reid_pred", 256, 256, 1)
        | batch_norm(f"{head}.reid_pred_bn", 256, counter=True)
        | conv("controller", 169, 256, 3)
        | conv("mask_branch.tower.4", 8, 128, 1)
        | linear("cls", identities, 256)
        | {"mask_head.sizes_of_interest": (5,), "mask_head._iter": (1,)}
    )


def stmask_detector(depth: int = 50, alignment: str = "none") -> Shapes:
    """STMask for the 80 classes of COCO, without what reads several frames."""
    whole = stmask(80, depth, alignment)
    tracks = ("TemporalNet.", "prediction_layers.0.track_")
    return {name: shape for name, shape in whole.items() if not name.startswith(tracks)}


def yolact_plus() -> Shapes:
    """YOLACT++ for COCO: nine anchors a cell, deformable blocks in all stages but the first."""
    parts = ("backbone.", "fpn.", "proto_net.", "prediction_layers.0.upfeature.")
    shapes = {name: shape for name, shape in stmask(80).items() if name.startswith(parts)}
    for stage, (width, blocks) in enumerate(STAGES[1:], start=1):
        for block in range(blocks):
            own = f"backbone.layers.{stage}.{block}.conv2"
            shapes |= {f"{own}.bias": (width,)} | conv(f"{own}.conv_offset_mask", 27, width, 3)
    for name, channels in {"bbox": 4, "conf": 81, "mask": 32}.items():
        shapes |= conv(f"prediction_layers.0.{name}_layer", 9 * channels, 256, 3)
    shapes |= conv("semantic_seg_conv", 80, 256, 1)
    return shapes | conv("maskiou_net.maskiou_net.0", 8, 1, 3)


def stmask(classes: int, depth: int = 50, alignment: str = "none") -> Shapes:
    """STMask; deformable convolutions have a bias and what reads their offsets."""
    shapes, head = {}, "prediction_layers.0"
    blocks, step = {50: ((3, 4, 6, 3), 2), 101: ((3, 4, 23, 3), 3)}[depth]
    stages = [(64 * 2**i, count) for i, count in enumerate(blocks)]
    for name, shape in resnet50("backbone.", stages=stages).items():
        for stage in range(1, 5):
            name = name.replace(f".layer{stage}.", f".layers.{stage - 1}.")
        shapes[name] = shape
    for stage in range(1, 4):
        for block in range(0, blocks[stage], step):
            own = f"backbone.layers.{stage}.{block}.conv2"
            width = 64 * 2**stage
            shapes |= {f"{own}.bias": (width,)} | conv(f"{own}.conv_offset_mask", 27, width, 3)
    for i, channels in enumerate((2048, 1024, 512)):
        shapes |= conv(f"fpn.lat_layers.{i}", 256, channels, 1)
        shapes |= conv(f"fpn.pred_layers.{i}", 256, 256, 3)
    for i in range(2):
        shapes |= conv(f"fpn.downsample_layers.{i}", 256, 256, 3)
    for i in (0, 2, 4, 8):
        shapes |= conv(f"proto_net.{i}", 256, 256, 3)
    shapes |= conv("proto_net.10", 32, 256, 1) | conv(f"{head}.upfeature.0", 256, 256, 3)
    for tower in ("conf", "bbox", "mask", "track"):
        for i in (0, 2):
            shapes |= conv(f"{head}.{tower}_extra.{i}", 256, 256, 3)
    predictors = {"conf": 1 + classes, "bbox": 4, "mask": 32, "track": 128, "centerness": 1}
    for i, (height, width) in enumerate(((3, 3), (3, 5), (5, 3))):
        for name, channels in predictors.items():
            own = f"{head}.{name}_layer.{i}"
            if name == "conf" and alignment != "none":
                shapes[f"{own}.conv_adaption.weight"] = (256, 256, height, width)
                if alignment == "ada":
                    shapes[f"{own}.conv_offset.weight"] = (2 * height * width, 4, 1, 1)
                own += ".conv"
            shapes[f"{own}.weight"] = (channels, 256, height, width)
            shapes[f"{own}.bias"] = (channels,)
    for i, (out, channels) in enumerate(((512, 633), (512, 512), (1024, 512))):
        shapes |= conv(f"TemporalNet.conv{i + 1}", out, channels, 3)
    return shapes | linear("TemporalNet.fc", 4, 1024) | linear("TemporalNet.fc_coeff", 32, 1024)
