"""Class layers of COCO detectors start those of OVIS, category by category."""

import numpy as np
import pytest
from flax import traverse_util
from weights.small_model import random_variables, small_config

from ovis_jax.formats.categories import COCO, OVIS
from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model
from ovis_jax.weights.class_rows import copy_class_rows
from ovis_jax.weights.maps.parts import resnet_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import Conversion

FEATURES, CHANNELS = 16, 8  # of the small model's box and mask head
PARTS = ("box/logits", "box/deltas", "mask/logits")
POSITIONS = {category.name: place for place, category in enumerate(COCO)}
IDS = {category.name: category.id for category in COCO}
FILES = {
    # model: (names of its class layers, their rows, row of background, row of a category)
    "mmdet1_mask_rcnn": (
        ("bbox_head.fc_cls", "bbox_head.fc_reg", "mask_head.conv_logits"),
        (81, 4 * 81, 81),
        0,
        lambda name: POSITIONS[name] + 1,
    ),
    "mmdet2_mask_rcnn": (
        (
            "roi_head.bbox_head.fc_cls",
            "roi_head.bbox_head.fc_reg",
            "roi_head.mask_head.conv_logits",
        ),
        (81, 4 * 80, 80),
        80,
        POSITIONS.get,
    ),
    "detectron2_mask_rcnn": (
        (
            "roi_heads.box_predictor.cls_score",
            "roi_heads.box_predictor.bbox_pred",
            "roi_heads.mask_head.predictor",
        ),
        (81, 4 * 80, 80),
        80,
        POSITIONS.get,
    ),
    "torchvision_mask_rcnn": (
        (
            "roi_heads.box_predictor.cls_score",
            "roi_heads.box_predictor.bbox_pred",
            "roi_heads.mask_predictor.mask_fcn_logits",
        ),
        (91, 4 * 91, 91),
        0,
        IDS.get,
    ),
}


def class_state(model: str) -> dict[str, np.ndarray]:
    names, sizes, _, _ = FILES[model]
    rng, state = np.random.default_rng(3), {}
    for name, size, inside in zip(names, sizes, (FEATURES, FEATURES, CHANNELS), strict=True):
        shape = (size, inside, 1, 1) if inside == CHANNELS else (size, inside)
        state[f"{name}.weight"] = rng.normal(size=shape).astype(np.float32)
        state[f"{name}.bias"] = rng.normal(size=size).astype(np.float32)
    return state


@pytest.fixture(scope="module")
def initial():
    """Variables of the small model with the classes of OVIS."""
    return random_variables(build_model(small_config(num_classes=len(OVIS)))[1])


def copied(model: str, state: dict, initial: dict) -> Conversion:
    flat = traverse_util.flatten_dict(initial, sep="/")
    fresh = {part: [path for path in flat if f"/{part}/" in path] for part in PARTS}
    before = Conversion({}, {"*": ["other", *state]}, fresh | {"track": ["x"]})
    return copy_class_rows(
        before, state, NAME_MAPS[model].name_map(resnet_model(18)).classes, OVIS, initial, "file"
    )


def rows_of_ours(part: str, values: dict) -> np.ndarray:
    """[K + 1, ...] kernels and biases of each class."""
    kernel, bias = (values[f"params/{part}/{array}"] for array in ("kernel", "bias"))
    both = np.concatenate([kernel, bias[None]])
    return both.T.reshape(len(OVIS) + 1, -1)


def rows_of_theirs(name: str, state: dict, numbers: int) -> np.ndarray:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    both = np.concatenate([weight.reshape(len(weight), -1), bias[:, None]], axis=1)
    return both.reshape(len(weight) // numbers, -1)


@pytest.mark.parametrize("model", FILES)
def test_rows_of_shared_categories_are_copied_and_the_others_stay(model, initial):
    names, _, background, row_of = FILES[model]
    state = class_state(model)
    got, before = copied(model, state, initial), traverse_util.flatten_dict(initial, sep="/")
    for part, name, numbers in zip(PARTS, names, (1, 4, 1), strict=True):
        new, old = rows_of_ours(part, got.values), rows_of_ours(part, before)
        theirs = rows_of_theirs(name, state, numbers)
        want = old.copy()
        if part == "box/logits":
            want[0] = theirs[background]
        for category in OVIS:
            coco_names = {
                "Vehical": ("car", "bus", "truck"),
                "Giant_panda": ("bear",),
                "Parrot": ("bird",),
                "Poultry": ("bird",),
            }.get(category.name, (category.name.lower(),))
            if coco_names[0] in POSITIONS:
                want[category.id] = np.mean([theirs[row_of(n)] for n in coco_names], axis=0)
        np.testing.assert_allclose(new, want, rtol=1e-5, err_msg=part)
        lizard = 14
        np.testing.assert_array_equal(new[lizard], old[lizard])
    assert got.unused == {"*": ["other"]} and got.fresh == {"track": ["x"]}


def test_a_missing_layer_and_one_of_another_shape_are_both_named(initial):
    state = class_state("mmdet1_mask_rcnn")
    del state["bbox_head.fc_cls.bias"]
    state["bbox_head.fc_reg.weight"] = np.zeros((4, FEATURES))  # boxes without classes
    with pytest.raises(InputError) as found:
        copied("mmdet1_mask_rcnn", state, initial)
    assert str(found.value).splitlines() == [
        "file: bbox_head.fc_cls.bias: is missing, expected for params/box/logits/bias",
        "file: bbox_head.fc_reg.weight: shape (4, 16), expected (324, 16)",
    ]


def test_whole_models_and_backbones_have_no_classes_of_coco():
    without = {
        model
        for model, published in NAME_MAPS.items()
        if published.name_map(next(iter(published.VARIANTS.values()))).classes is None
    }
    assert without == set(NAME_MAPS) - set(FILES)
