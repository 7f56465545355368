"""The table of IDOL against the recorded names, with both kinds of backbone."""

import numpy as np
import pytest
from golden_folder import golden_json
from weights.small_model import small_idol_config

from configs import idol_r50_ovis, idol_swin_l_ovis
from ovis_jax.formats.errors import InputError
from ovis_jax.models.backbones.swin import position_index
from ovis_jax.models.build import build_model
from ovis_jax.weights.layouts import cells_by_column
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import convert_state, name_differences, to_state_dict

BACKBONE = "detr.detr.backbone.0.backbone."


def test_the_table_is_the_recorded_names():
    names = [entry["name"] for entry in golden_json("idol", "params.json")["tensors"]]
    name_map = NAME_MAPS["idol"].name_map(idol_r50_ovis.get_config().model)
    assert name_differences(names, name_map) == ([], [])
    twice = [
        name.replace("detr.detr.", "detr.detr.transformer.decoder.")
        for name in names
        if ".bbox_embed." in name
    ]
    assert len(twice) > 0 and name_differences([*names, *twice], name_map) == ([], [])
    assert name_differences([*names, "detr.other"], name_map) == (["detr.other"], [])


def swin_state():
    """A small Swin file: its names, and what the model expects of them."""
    config = small_idol_config(name="swin_l_mmdet")
    name_map, (_, shapes) = NAME_MAPS["idol"].name_map(config.model), build_model(config)
    rng = np.random.default_rng(0)
    flat = {
        name: rng.normal(size=rule.convert.their_shape(_at(shapes, rule.target).shape))
        for name, rule in name_map.rules.items()
    }
    return flat, name_map, shapes


def _at(tree, path):
    for part in path.split("/"):
        tree = tree[part]
    return tree


def test_a_file_with_swin_fills_the_model_and_comes_back():
    state, name_map, shapes = swin_state()
    index = {f"{BACKBONE}layers.0.blocks.0.attn.relative_position_index": position_index(12)}
    own = convert_state(state | index, name_map, shapes, "file")
    assert not own.fresh
    merge = f"{BACKBONE}layers.0.downsample.reduction.weight"
    ours = own.values["params/backbone/stage2/merge/reduction/kernel"]
    np.testing.assert_array_equal(
        ours, cells_by_column(np.float32(state[merge])).T
    )  # (row, column) 00, 10, 01, 11 there
    variables = own.complete(shapes)
    back = to_state_dict(variables, name_map.rules)
    for name, value in state.items():
        np.testing.assert_array_equal(back[name], np.float32(value))


def test_a_window_of_another_size_is_refused():
    state, name_map, shapes = swin_state()
    index = {f"{BACKBONE}layers.0.blocks.0.attn.relative_position_index": position_index(7)}
    with pytest.raises(InputError, match="is not the constant of this model"):
        convert_state(state | index, name_map, shapes, "file")


def test_the_published_swin_l_has_a_configuration():
    model = idol_swin_l_ovis.get_config().model
    rules = NAME_MAPS["idol"].name_map(model).rules
    assert f"{BACKBONE}layers.2.blocks.17.attn.qkv.weight" in rules
    assert all(f"{BACKBONE}norm{number}.weight" in rules for number in range(4))
