"""A file of another model than the one named is refused in one line that says what it is."""

import pytest
from weights.maps import published_names as published
from weights.maps import published_queryinst

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.likely_model import check_foreign, check_named
from ovis_jax.weights.maps.parts import resnet_model
from ovis_jax.weights.name_maps import NAME_MAPS


def second_version() -> list[str]:
    """Names of torchvision's maskrcnn_resnet50_fpn_v2, as its version 0.29 saves them."""
    kept = ("backbone.body.", "rpn.head.cls", "rpn.head.bbox", "roi_heads.box_predictor")
    names = [n for n in published.torchvision() if n.startswith((*kept, "roi_heads.mask_pred"))]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    convolutions = [
        f"backbone.fpn.{kind}_blocks.{i}" for kind in ("inner", "layer") for i in range(4)
    ]
    convolutions += [f"roi_heads.{head}_head.{i}" for head in ("box", "mask") for i in range(4)]
    for name in convolutions:
        names += [f"{name}.0.weight", *(f"{name}.1.{array}" for array in norm)]
    names += [f"rpn.head.conv.{i}.0.{array}" for i in range(2) for array in ("weight", "bias")]
    return [*names, "roi_heads.box_head.5.weight", "roi_heads.box_head.5.bias"]


def size_of(model):
    """What a size of a published model is called, and its settings: depth 50 if it has depths."""
    sizes = NAME_MAPS[model].VARIANTS
    fifty = "a ResNet of depth 50"
    return (fifty, resnet_model(50)) if fifty in sizes else next(iter(sizes.items()))


def rules_of(model):
    return [*NAME_MAPS[model].name_map(size_of(model)[1]).rules]


def without(names, *parts):
    return [name for name in names if not any(part in name for part in parts)]


KNOWN = {
    "mmdet1_mask_rcnn": published.mmdet("", 81, 81, 81),
    "mmdet2_mask_rcnn": published.mmdet("roi_head.", 81, 80, 80),
    "torchvision_mask_rcnn": published.newer_torchvision(),
    "detectron2_mask_rcnn": published.detectron2(),
    "torchvision_resnet": published.imagenet(),
    "cmasktrack_rcnn": published.cmasktrack(),
    "masktrack_rcnn": published.masktrack(25),
    "sipmask": published.sipmask(25),
    "torchvision_swin": [*rules_of("torchvision_swin"), "norm.weight", "head.bias"],
    "authors_swin": [*rules_of("authors_swin"), "layers.0.blocks.1.attn_mask"],
    "timm_convnext": [*rules_of("timm_convnext"), "head.fc.weight"],
    "queryvis": published_queryinst.queryinst(25),
    "stmask": published.stmask(25),
    "stmask_detector": published.stmask_detector(),
    "yolact_plus": published.yolact_plus(),
}
FOREIGN = {
    "maskrcnn_resnet50_fpn_v2 .batch norms in FPN and heads, four conv": second_version(),
    "fasterrcnn_resnet50_fpn_v2": without(second_version(), "mask_"),
    "keypointrcnn": [*published.torchvision(), "roi_heads.keypoint_head.0.weight"],
    "torchvision's Faster R-CNN, without a mask": without(published.torchvision(), "mask_"),
    "Faster R-CNN of mmdet": without(published.mmdet("roi_head.", 81, 80, 80), "mask_"),
    "Faster R-CNN of detectron2": without(published.detectron2(), "mask_"),
    "SipMask for images": without(published.sipmask(25), "track"),
    "a detectron2 model with a C4 head": ["roi_heads.res5.0.conv1.weight"],
    "Sparse R-CNN of mmdet": without(published_queryinst.queryinst(80), "mask_head"),
    "Cascade R-CNN of mmdet": ["roi_head.bbox_head.0.fc_cls.weight"],
    "one-stage detector of mmdet": [*published.resnet50("backbone."), "bbox_head.atss_cls.bias"],
    "stem of several convolutions": ["conv1.0.weight", "layer1.0.conv1.weight"],
    "vision transformer": ["blocks.0.attn.qkv.weight"],
    "a Swin transformer": ["layers.0.blocks.0.attn.relative_position_bias_table"],
    "Caffe2": ["res2_0_branch2a_w"],
}


@pytest.mark.parametrize("model", NAME_MAPS)
@pytest.mark.parametrize("file", KNOWN)
def test_a_file_of_a_known_model_is_named_under_every_other(file, model):
    size, settings = size_of(model)
    if file == model or {file, model} == {"torchvision_resnet", "timm_resnet"}:
        check_named(KNOWN[file], model, settings, "file")
        check_foreign(KNOWN[file], model, settings, "file")
        return
    with pytest.raises(InputError) as error:
        check_named(KNOWN[file], model, settings, "file")
    line = str(error.value)
    assert line.startswith(f"file: has the names of {file} ") and "\n" not in line
    assert f"expected {model} with {size}" in line


def test_another_depth_is_named():
    with pytest.raises(InputError, match="torchvision_resnet with a ResNet of depth 50, expected"):
        check_named(published.imagenet(), "torchvision_resnet", resnet_model(101), "file")


@pytest.mark.parametrize("what", FOREIGN)
def test_a_model_that_cannot_be_read_is_named_in_one_line(what):
    for model in ("torchvision_mask_rcnn", "mmdet2_mask_rcnn", "sipmask"):
        check_named(FOREIGN[what], model, resnet_model(50), "file")
        with pytest.raises(InputError, match=f"file: looks like .*{what}.*, expected {model}") as e:
            check_foreign(FOREIGN[what], model, resnet_model(50), "file")
        assert "\n" not in str(e.value)


def test_nothing_is_said_about_names_that_nobody_knows():
    for model in NAME_MAPS:
        check_named(["a.weight"], model, size_of(model)[1], "file")
        check_foreign(["a.weight"], model, size_of(model)[1], "file")


def test_a_variant_of_stmask_is_named_under_another():
    with pytest.raises(InputError, match=r"depth 101 and FCB\(ada\), expected .* of depth 50$"):
        check_named(published.stmask(25, 101, "ada"), "stmask", resnet_model(50), "file")
