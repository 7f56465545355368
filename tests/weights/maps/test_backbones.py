"""Layouts that fit by name and shape and mean something else: each is turned, or refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from weights.small_model import random_variables

from configs import cmasktrack_rcnn_convnext_t_ovis, cmasktrack_rcnn_swin_t_ovis
from ovis_jax.formats.errors import InputError
from ovis_jax.models.backbones.named import named_backbone
from ovis_jax.models.backbones.swin import NORM_EPSILON, Merge, position_index
from ovis_jax.weights.layouts import convolution
from ovis_jax.weights.maps import swin
from ovis_jax.weights.maps.parts import named_model, resnet_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import convert_state, to_state_dict

CONFIGS = {"swin": cmasktrack_rcnn_swin_t_ovis, "convnext": cmasktrack_rcnn_convnext_t_ovis}
SWINS = ("torchvision_swin", "timm_swin", "authors_swin")
# Model: tensors of the file; from state_dict() of torchvision 0.29 and timm 1.0.
FILES = {
    "torchvision_swin": (173, {"features.2.reduction.weight": (192, 384)}),
    "timm_swin": (173, {"layers.1.downsample.norm.weight": (384,)}),
    "authors_swin": (173, {"layers.0.downsample.norm.weight": (384,)}),
    "torchvision_convnext": (182, {"features.1.0.layer_scale": (96, 1, 1)}),
    "timm_convnext": (182, {"stages.2.downsample.1.weight": (384, 192, 2, 2)}),
}
HEADS = {"swin": 4, "convnext": 4}  # final norm and classifier


def kind_of(model: str) -> str:
    return model.partition("_")[2]


@functools.cache
def shapes(kind: str) -> dict:
    """Variables of a narrow backbone; what stands behind it is not looked at."""
    net = named_backbone({"name": f"{kind}_t", "width": 16})
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    variables = jax.eval_shape(net.init, jax.random.key(0), images)
    return {"params": {"backbone": variables["params"]}}


@functools.cache
def variables(kind: str) -> dict:
    return random_variables(shapes(kind))


@functools.cache
def settings(kind: str):
    return CONFIGS[kind].get_config().model


@functools.cache
def file_of(model: str) -> dict[str, np.ndarray]:
    """A whole file of random numbers, with what there is besides the backbone."""
    state = to_state_dict(
        variables(kind_of(model)), NAME_MAPS[model].name_map(settings(kind_of(model))).rules
    )
    norm, head = {
        "torchvision_convnext": ("classifier.0", "classifier.2"),
        "timm_convnext": ("head.norm", "head.fc"),
    }.get(model, ("norm", "head"))
    layers = [f"{layer}.{array}" for layer in (norm, head) for array in ("weight", "bias")]
    return state | {name: np.zeros(3, np.float32) for name in layers}


def convert(model: str, state: dict):
    own = NAME_MAPS[model].name_map(settings(kind_of(model)))
    return convert_state(state, own, shapes(kind_of(model)), "file")


@pytest.mark.parametrize("model", FILES)
def test_a_classifier_fills_the_backbone_but_the_norms_of_its_outputs(model):
    got = convert(model, file_of(model))
    number, some = FILES[model]
    assert len(file_of(model)) == number and set(some) < set(file_of(model))
    norms = [path for part in swin.OUTPUT_NORMS for path in got.fresh[part]]
    assert len(norms) == 8 and sum(map(len, got.unused.values())) == 4
    for path, value in got.values.items():
        own = functools.reduce(
            lambda tree, key: tree[key], path.split("/"), variables(kind_of(model))
        )
        np.testing.assert_array_equal(value, own)


@pytest.mark.parametrize("model", SWINS)
@pytest.mark.parametrize("other", SWINS)
def test_a_file_of_another_library_is_refused(model, other):
    if model == other:
        return
    with pytest.raises(InputError, match="unknown tensor"):
        convert(model, file_of(other))


def stacked(x: np.ndarray, order: str) -> np.ndarray:
    """What a library puts before the norm of a merge, cell by cell; [H, W, C] in float64."""
    height, width, channels = x.shape
    out = np.zeros((height // 2, width // 2, 4 * channels))
    cells = {"rows": [(0, 0), (0, 1), (1, 0), (1, 1)], "columns": [(0, 0), (1, 0), (0, 1), (1, 1)]}
    for y, z, c in np.ndindex(height // 2, width // 2, channels):
        for number, (row, column) in enumerate(cells["rows" if order == "mmdet" else "columns"]):
            place = 4 * c + number if order == "mmdet" else channels * number + c
            out[y, z, place] = x[2 * y + row, 2 * z + column, c]
    return out


@pytest.mark.parametrize(
    ("names", "order"),
    [(swin.TORCHVISION, "columns"), (swin.TIMM, "columns"), (swin.MMDET, "mmdet")],
)
def test_a_merge_means_what_it_meant_in_its_library(names, order):
    rng = np.random.default_rng(0)
    channels = 3
    x = rng.normal(size=(4, 6, channels))
    theirs = {
        "norm.weight": rng.normal(size=4 * channels),
        "norm.bias": rng.normal(size=4 * channels),
        "reduction.weight": rng.normal(size=(2 * channels, 4 * channels)),
    }
    y = stacked(x, order)
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + NORM_EPSILON)
    y = y * theirs["norm.weight"] + theirs["norm.bias"]
    want = y @ theirs["reduction.weight"].T
    params: dict = {"norm": {}, "reduction": {}}
    for name, rule in names.rules((1, 1)).items():
        if "/merge/" in rule.target:
            part, array = rule.target.split("/")[-2:]
            params[part][array] = rule.convert(theirs[".".join(name.split(".")[-2:])])
    merge = jax.jit(Merge().apply)
    got = merge({"params": params}, jnp.asarray(x[None], jnp.float32))[0]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    # Taken as it is, it fits as well, and is another map.
    params["reduction"]["kernel"] = theirs["reduction.weight"].T
    wrong = merge({"params": params}, jnp.asarray(x[None], jnp.float32))[0]
    assert np.abs(wrong - want).max() > 0.1


def test_the_index_of_positions_is_compared_where_a_file_has_it():
    name = "features.1.0.attn.relative_position_index"
    index = position_index(7)
    assert index.shape == (49, 49) and index[0, 0] == 84 and index.max() == 168
    for kept in (index, index.reshape(-1)):  # mmdetection, torchvision
        assert convert("torchvision_swin", file_of("torchvision_swin") | {name: kept})
    with pytest.raises(InputError, match=f"{name}: is not the constant of this model"):
        convert("torchvision_swin", file_of("torchvision_swin") | {name: index.T})


def test_a_table_of_another_window_is_refused():
    name = "features.1.0.attn.relative_position_bias_table"
    state = file_of("torchvision_swin") | {name: np.zeros((529, 3))}
    with pytest.raises(InputError, match=r"shape \(529, 3\), expected \(169, 3\)"):
        convert("torchvision_swin", state)


def test_channels_of_groups_are_told_by_shape():
    kernel = np.zeros((128, 4, 3, 3))
    assert convolution(kernel).shape == (3, 3, 4, 128)
    rules = NAME_MAPS["torchvision_resnet"].name_map(named_model("resnext101_32x4d")).rules
    assert rules == NAME_MAPS["torchvision_resnet"].name_map(resnet_model(101)).rules


def test_a_model_with_another_backbone_is_bad_input():
    with pytest.raises(InputError, match="backbone.name: 'resnet', expected 'swin_t' or"):
        NAME_MAPS["timm_swin"].name_map(resnet_model(50))
    with pytest.raises(InputError, match="backbone.name: 'swin_t', expected 'convnext_t'"):
        NAME_MAPS["timm_convnext"].name_map(named_model("swin_t"))
    with pytest.raises(InputError, match="backbone.name: 'swin_t', expected a ResNet or ResNeXt"):
        NAME_MAPS["timm_resnet"].name_map(named_model("swin_t"))


@pytest.mark.parametrize("detector", ["mmdet2_mask_rcnn", "queryvis"])
def test_a_detector_of_mmdetection_has_the_backbone_of_the_configuration(detector):
    last = "backbone.norm3.bias"
    for kind in CONFIGS:
        own = NAME_MAPS[detector].name_map(settings(kind))
        targets = {rule.target for rule in own.rules.values()}
        paths = set(traverse_util.flatten_dict(shapes(kind), sep="/"))
        assert last in own.rules and paths <= targets
