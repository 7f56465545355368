"""The tables of VidEoMT against the recorded names."""

import pytest
from golden_folder import golden_json

from ovis_jax.configs.parts import videomt as videomt_parts
from ovis_jax.formats.errors import InputError
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import name_differences


def test_the_tables_of_videomt_are_the_recorded_names():
    recorded = golden_json("videomt", "vits.json")
    sizes = recorded["config"]
    model = videomt_parts.videomt("small").model
    model.encoder.depth = sizes["num_hidden_layers"]
    theirs = {entry["name"] for entry in recorded["params"]}
    ours = set(NAME_MAPS["videomt_transformers"].name_map(model).rules)
    assert ours == theirs - {"embeddings.mask_token"}
    names = [name for name, _, _ in recorded["native"]]
    assert name_differences(names, NAME_MAPS["videomt"].name_map(model)) == ([], [])


def test_dinov3_inside_videomt_has_the_recorded_names():
    names = [entry[0] for entry in golden_json("videomt", "variants.json")["params"]]
    model = videomt_parts.videomt("small").model
    model.encoder.update(depth=settings_of_records()["num_hidden_layers"], table_side=0)
    assert name_differences(names, NAME_MAPS["videomt"].name_map(model)) == ([], [])
    with pytest.raises(InputError, match=r"table_side: 0, expected"):
        NAME_MAPS["videomt_transformers"].name_map(model)


def settings_of_records():
    return golden_json("videomt", "manifest.json")["config"]["model"]
