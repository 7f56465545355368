"""The tables against the names and shapes that the libraries save, and there and back."""

import numpy as np
import pytest
from flax import traverse_util
from golden_folder import golden_json
from weights.maps import published_names as published
from weights.maps import published_queryinst, published_videomt
from weights.small_model import random_variables, settings_for, shapes_for

from configs import (
    ccrossvis_r50_ovis,
    cmasktrack_rcnn_r50_ovis,
    crossvis_r50_ytvis2019,
    csipmask_r50_ovis,
    masktrack_rcnn_r50_ovis,
    queryvis_r50_ovis,
    sipmask_r50_ovis,
    stem_seg_r50_ovis,
    stmask_r50_ovis,
)
from ovis_jax.configs.parts import videomt as videomt_parts
from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model
from ovis_jax.weights.maps import stmask
from ovis_jax.weights.maps.parts import resnet_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.readers.files import read_state_dict
from ovis_jax.weights.rules import convert_state, name_differences, own_names, to_state_dict

WHOLE = (
    "cmasktrack_rcnn",
    "idol",
    "masktrack_rcnn",
    "stem_seg",
    "stmask",
    "trades",
    "videomt",
    "videomt_transformers",
)
# Files of other backbones are those of tests/weights/maps/test_backbones.py.
OF_DEPTHS = [name for name in NAME_MAPS if not name.endswith(("_swin", "_convnext"))]
COCO = {"box/logits": 2, "box/deltas": 2, "mask/logits": 2, "track": 4, "calibration": 9}
IMAGENET = {"neck": 16, "rpn": 6, "box": 8, "mask": 12, "track": 4, "calibration": 9}
FILES = {
    # name: (model, tensors, number of unused ones, newly initialised variables by part)
    "mmdetection 1": ("mmdet1_mask_rcnn", published.mmdet("", 81, 81, 81), 53 + 6, COCO),
    "mmdetection 2": ("mmdet2_mask_rcnn", published.mmdet("roi_head.", 81, 80, 80), 53 + 6, COCO),
    "torchvision": ("torchvision_mask_rcnn", published.torchvision(), 6, COCO),
    "newer torchvision": ("torchvision_mask_rcnn", published.newer_torchvision(), 6, COCO),
    "detectron2": ("detectron2_mask_rcnn", published.detectron2(), 6, COCO),
    "older detectron2": ("detectron2_mask_rcnn", published.detectron2(older=True), 6 + 5, COCO),
    "ImageNet": ("torchvision_resnet", published.imagenet(), 53 + 2, IMAGENET),
    "timm": ("timm_resnet", published.imagenet(), 53 + 2, IMAGENET),
    "CMaskTrack R-CNN": ("cmasktrack_rcnn", published.cmasktrack(), 53, {}),
    "SipMask": ("sipmask", published.sipmask(25), 53, {"calibration": 9}),
    "STMask": ("stmask", published.stmask(25), 53, {}),
    "VidEoMT": ("videomt", published_videomt.videomt(25), 2, {}),
    "VidEoMT of transformers": (
        "videomt_transformers",
        published_videomt.videomt_of_transformers(25),
        3,
        {},
    ),
    "CrossVIS": (
        "crossvis",
        published.crossvis(25),
        8 + 2 + 2,
        {"calibration": 9, "identity": 2},
    ),
    "QueryInst": ("queryvis", published_queryinst.queryinst(25), 53 + 24, {"track": 4}),
}


def paper_shapes(model: str = "") -> dict:
    """Variables of the paper's model that a published one is for."""
    configs = {
        "sipmask": csipmask_r50_ovis,
        "crossvis": ccrossvis_r50_ovis,
        "queryvis": queryvis_r50_ovis,
        "stem_seg": stem_seg_r50_ovis,
        "stmask": stmask_r50_ovis,
    }
    config = small_videomt() if "videomt" in model else None
    config = config or configs.get(model, cmasktrack_rcnn_r50_ovis).get_config()
    return build_model(numbered(config))[1]


def small_videomt():
    """The smallest published one, for OVIS."""
    return videomt_parts.videomt("small")


def settings_of(model: str, depth: int = 50):
    """What the names of a published model depend on."""
    if "videomt" in model:
        return small_videomt().model
    sizes = NAME_MAPS[model].VARIANTS
    of_resnets = any("ResNet" in size for size in sizes)
    return resnet_model(depth) if of_resnets else next(iter(sizes.values()))


def numbered(config):
    """The configuration with a number of identities, where it has one."""
    if "num_identities" in config.model:
        config.model.num_identities = 7
    return config


def zeros(shapes: published.Shapes) -> dict[str, np.ndarray]:
    """Tensors that take no memory."""
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("file", FILES)
def test_every_tensor_and_every_variable_has_its_place(file):
    model, tensors, num_unused, fresh = FILES[file]
    name_map = NAME_MAPS[model].name_map(settings_of(model))
    got = convert_state(zeros(tensors), name_map, paper_shapes(model), file)
    assert sum(map(len, got.unused.values())) == num_unused
    own = [name for theirs in tensors for name in own_names(theirs, name_map)]
    assert len(got.values) == len(own) - num_unused
    assert {part: len(paths) for part, paths in got.fresh.items()} == fresh


@pytest.mark.parametrize(
    ("model", "config", "tensors", "error"),
    [
        (
            "masktrack_rcnn",
            masktrack_rcnn_r50_ovis,
            published.masktrack(40),
            r"fc_cls.bias: shape \(41,\), expected \(26,\)",
        ),
        (
            "sipmask",
            sipmask_r50_ovis,
            published.sipmask(40),
            r"fcos_cls.bias: shape \(40,\), expected \(25,\)",
        ),
        (
            "stmask",
            stmask_r50_ovis,
            published.stmask(40),
            r"conf_layer.0.bias: shape \(41,\), expected \(26,\)",
        ),
    ],
)
def test_models_of_youtube_vis_need_its_number_of_classes(model, config, tensors, error):
    name_map, config = NAME_MAPS[model].name_map(resnet_model(50)), config.get_config()
    with pytest.raises(InputError, match=error):
        convert_state(zeros(tensors), name_map, build_model(config)[1], "file")
    config.model.num_classes = 40
    got = convert_state(zeros(tensors), name_map, build_model(config)[1], "file")
    assert not got.fresh and list(got.unused) == ["*.num_batches_tracked"]


@pytest.mark.parametrize(
    ("model", "system", "tensors"),
    [
        ("cmasktrack_rcnn", "cmasktrack_rcnn", published.cmasktrack()),
        ("sipmask", "sipmask", published.sipmask(25)),
        ("stmask", "stmask", published.stmask(25)),
    ],
)
def test_the_tables_of_whole_models_are_the_recorded_names(model, system, tensors):
    recorded = golden_json(system, "params.json")["params"]
    names = {entry["name"]: tuple(entry["shape"]) for entry in recorded}
    counters = {name for name in tensors if name.endswith("num_batches_tracked")}
    assert names == {name: shape for name, shape in tensors.items() if name not in counters}
    assert set(NAME_MAPS[model].name_map(resnet_model(50)).rules) == set(names)


def test_the_table_of_crossvis_has_the_recorded_names():
    recorded = golden_json("crossvis", "params.json")
    names = {entry["name"]: tuple(entry["shape"]) for entry in recorded}
    name_map = NAME_MAPS["crossvis"].name_map(resnet_model(50))
    left_out = ("num_batches_tracked", "mask_head.sizes_of_interest", "mask_head._iter")
    tensors = published.crossvis(25).items()
    assert names == {name: shape for name, shape in tensors if not name.endswith(left_out)}
    assert set(name_map.rules) == set(names) - {"cls.weight", "cls.bias"}


def test_the_table_of_queryvis_has_the_recorded_names_but_for_the_constructed_track_heads():
    recorded = golden_json("queryvis", "params.json")
    names = {entry["name"]: tuple(entry["shape"]) for entry in recorded}
    own = {name: shape for name, shape in names.items() if not name.startswith("track_")}
    tensors = published_queryinst.queryinst(25).items()
    assert own == {k: shape for k, shape in tensors if not k.endswith("num_batches_tracked")}
    assert set(NAME_MAPS["queryvis"].name_map(resnet_model(50)).rules) == set(own)


def test_queryinst_of_coco_needs_its_number_of_classes():
    tensors, name_map = (
        zeros(published_queryinst.queryinst(80)),
        NAME_MAPS["queryvis"].name_map(resnet_model(50)),
    )
    with pytest.raises(InputError, match=r"fc_cls.bias: shape \(80,\), expected \(25,\)"):
        convert_state(tensors, name_map, paper_shapes("queryvis"), "file")


@pytest.mark.parametrize("alignment", ["none", "ada", "ali"])
@pytest.mark.parametrize("depth", [50, 101])
def test_the_table_of_every_variant_of_stmask_has_its_names(depth, alignment):
    tensors = published.stmask(25, depth, alignment)
    name_map = NAME_MAPS["stmask"].name_map(stmask.settings(depth, alignment))
    assert name_differences(tensors, name_map) == ([], [])


def test_a_file_of_stmask_with_learnt_alignment_is_refused_by_a_model_without():
    tensors = zeros(published.stmask(25, alignment="ada"))
    name_map = NAME_MAPS["stmask"].name_map(resnet_model(50))
    with pytest.raises(InputError, match=r"conf_layer.0.conv.bias: unknown tensor"):
        convert_state(tensors, name_map, paper_shapes("stmask"), "file")


def test_crossvis_of_youtube_vis_needs_its_classes_but_not_its_identities():
    tensors = zeros(published.crossvis(40))
    name_map = NAME_MAPS["crossvis"].name_map(resnet_model(50))
    with pytest.raises(InputError, match=r"cls_logits.bias: shape \(40,\), expected \(25,\)"):
        convert_state(tensors, name_map, paper_shapes("crossvis"), "file")
    config = numbered(crossvis_r50_ytvis2019.get_config())
    got = convert_state(tensors, name_map, build_model(config)[1], "file")
    assert got.unused["cls.*"] == ["cls.bias", "cls.weight"] and set(got.fresh) == {"identity"}


def test_sipmask_reads_the_first_convolution_as_bgr():
    stem = np.random.default_rng(0).normal(size=(64, 3, 7, 7)).astype(np.float32)
    tensors = zeros(published.sipmask(25)) | {"backbone.conv1.weight": stem}
    got = convert_state(
        tensors, NAME_MAPS["sipmask"].name_map(resnet_model(50)), paper_shapes("sipmask"), "file"
    )
    ours = got.values["params/backbone/stem/conv/kernel"]
    np.testing.assert_array_equal(ours[..., 0, :].transpose(2, 0, 1), stem[:, 2])


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_refused_under_the_name_of_another_model(file):
    model, tensors, _, _ = FILES[file]
    same_names = {"torchvision_resnet", "timm_resnet"}
    for other in set(NAME_MAPS) - ({model} | (same_names if model in same_names else set())):
        with pytest.raises(InputError, match="file: "):
            name_map = NAME_MAPS[other].name_map(settings_of(other))
            convert_state(zeros(tensors), name_map, paper_shapes(other), "file")


def test_variants_of_timm_with_other_stems_are_refused():
    tensors = published.imagenet()
    tensors["conv1.0.weight"] = tensors.pop("conv1.weight")
    with pytest.raises(InputError, match="conv1.0.weight: unknown tensor"):
        convert_state(
            zeros(tensors),
            NAME_MAPS["timm_resnet"].name_map(resnet_model(50)),
            paper_shapes(),
            "file",
        )


@pytest.mark.parametrize("model", NAME_MAPS)
def test_no_variable_is_both_filled_and_new(model):
    name_map = NAME_MAPS[model].name_map(settings_of(model))
    targets = [rule.target for rule in name_map.rules.values()]
    assert len(set(targets)) == len(targets)
    for target in targets:
        inside = target.split("/", 1)[1]
        assert not any(inside.startswith(part + "/") for part in name_map.fresh)


@pytest.mark.parametrize(
    ("model", "depth"),
    # The trunk of 50 layers is the same part of all that have one.
    [*((model, 18) for model in OF_DEPTHS), ("cmasktrack_rcnn", 50), ("stmask", 50)],
)
def test_parameters_written_under_their_names_come_back(model, depth, tmp_path):
    shapes = shapes_for(model, depth)
    ours, others = random_variables(shapes, 1), random_variables(shapes, 2)
    name_map = NAME_MAPS[model].name_map(settings_for(model, depth))
    np.savez(tmp_path / "x.npz", **to_state_dict(ours, name_map.rules))
    state = read_state_dict(tmp_path / "x.npz")
    converted = convert_state(state, name_map, shapes, "file")
    got = traverse_util.flatten_dict(converted.complete(others), sep="/")
    new = {path for paths in converted.fresh.values() for path in paths}
    assert bool(new) == (model not in WHOLE)
    ours, others = (traverse_util.flatten_dict(x, sep="/") for x in (ours, others))
    for path, value in got.items():
        want = others[path] if path in new else ours[path]
        np.testing.assert_allclose(value, want, rtol=1e-6, err_msg=path)
