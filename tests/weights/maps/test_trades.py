"""The tables of TraDeS against the names and shapes that its code saves."""

import functools

import numpy as np
import pytest
from golden_folder import golden_json
from weights.maps import trades_names as names

from configs import trades_dla34_ovis, trades_dla34_ytvis2019, trades_r50_ovis
from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import convert_state

HEADS_OF_NUSCENES = dict(dep=1, rot=8, dim=3, amodel_offset=2, velocity=3, nuscenes_att=8)
MASKS = {"center/network": 2, "center/network_conv": 2, "seg": 15}
FILES = {
    # model, tensors, left out besides counters and what nothing reads, newly initialised
    "trades": ("trades", names.whole(25), 0, {}),
    "COCO": ("trades_detector", names.detector(), 2, {"center/heat": 2, "motion": 69}),
    "MOT17": (
        "trades_tracker",
        names.tracker(hm=1, ltrb_amodal=4),
        2 + 4,
        {"center/heat": 2} | MASKS,
    ),
    "nuScenes": (
        "trades_tracker",
        names.tracker(hm=10, **HEADS_OF_NUSCENES),
        2 + 4 * len(HEADS_OF_NUSCENES),
        {"center/heat": 2} | MASKS,
    ),
}


@functools.cache
def shapes():
    return build_model(trades_dla34_ovis.get_config())[1]


def zeros(tensors):
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in tensors.items()}


def converted(model, tensors):
    name_map = NAME_MAPS[model].name_map(trades_dla34_ovis.get_config().model)
    return convert_state(zeros(tensors), name_map, shapes(), "file")


@pytest.mark.parametrize("file", FILES)
def test_every_tensor_and_every_variable_has_its_place(file):
    model, tensors, left_out, fresh = FILES[file]
    got = converted(model, tensors)
    counters = sum(name.endswith("num_batches_tracked") for name in tensors)
    projections = ("base.level3.project.", "base.level4.project.")
    unread = sum(name.startswith(projections) for name in tensors) - 2  # but for their counters
    assert sum(map(len, got.unused.values())) == counters + unread + left_out
    assert len(got.values) == len(tensors) - counters - unread - left_out
    assert {part: len(paths) for part, paths in got.fresh.items()} == fresh


def test_a_file_is_refused_under_the_name_of_another_of_them():
    for model, tensors, _, _ in FILES.values():
        for other in {"trades", "trades_detector", "trades_tracker"} - {model}:
            with pytest.raises(InputError, match="file: "):
                converted(other, tensors)


def test_an_unknown_head_and_a_missing_tensor_are_named():
    tensors = names.whole(25) | names.heads(odd=3)
    with pytest.raises(InputError, match=r"odd.0.bias: unknown tensor"):
        converted("trades", tensors)
    tensors = names.whole(25)
    del tensors["dcn1_1.bias"]
    with pytest.raises(InputError, match="dcn1_1.bias: is missing, expected for .*motion/warp"):
        converted("trades", tensors)


def test_a_model_of_youtube_vis_needs_its_number_of_classes():
    with pytest.raises(InputError, match=r"hm.2.bias: shape \(40,\), expected \(25,\)"):
        converted("trades", names.whole(40))
    config = trades_dla34_ytvis2019.get_config()
    name_map = NAME_MAPS["trades"].name_map(config.model)
    assert not convert_state(zeros(names.whole(40)), name_map, build_model(config)[1], "file").fresh


def test_no_file_is_for_the_other_backbone():
    with pytest.raises(InputError, match="config.model.trunk: 'resnet', expected 'dla'"):
        NAME_MAPS["trades"].name_map(trades_r50_ovis.get_config().model)


def test_the_names_are_the_recorded_ones():
    recorded = golden_json("trades", "params.json")["params"]
    got = {entry["name"]: tuple(entry["shape"]) for entry in recorded}
    tensors = names.whole(got["hm.2.bias"][0]).items()
    assert got == {name: x for name, x in tensors if not name.endswith("num_batches_tracked")}


def test_the_first_convolution_is_read_as_bgr():
    stem = np.random.default_rng(0).normal(size=(16, 3, 7, 7)).astype(np.float32)
    tensors = zeros(names.whole(25)) | {"base.base_layer.0.weight": stem}
    name_map = NAME_MAPS["trades"].name_map(trades_dla34_ovis.get_config().model)
    got = convert_state(tensors, name_map, shapes(), "file")
    ours = got.values["params/backbone/stem/conv/kernel"]
    np.testing.assert_array_equal(ours[..., 0, :].transpose(2, 0, 1), stem[:, 2])
