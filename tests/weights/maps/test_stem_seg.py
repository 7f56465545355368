"""The table of STEm-Seg against the names and shapes that its code saves."""

import functools

import numpy as np
import pytest
from golden_folder import golden_json
from weights.maps.published_stem_seg import CONSTANTS, stem_seg

from configs import quickstart_stem_seg, stem_seg_r50_ovis
from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import convert_state


@functools.cache
def shapes():
    return build_model(stem_seg_r50_ovis.get_config())[1]


def tensors(classes=25):
    zeros = {
        name: np.broadcast_to(np.float32(0), shape) for name, shape in stem_seg(classes).items()
    }
    return zeros | CONSTANTS


def converted(state, config=stem_seg_r50_ovis):
    name_map = NAME_MAPS["stem_seg"].name_map(config.get_config().model)
    return convert_state(state, name_map, shapes(), "file")


def test_every_tensor_and_every_variable_has_its_place():
    got = converted(tensors())
    assert {name for names in got.unused.values() for name in names} == set(CONSTANTS)
    assert len(got.values) == len(tensors()) - len(CONSTANTS)
    assert not got.fresh


def test_the_names_are_the_recorded_ones():
    recorded = golden_json("stem_seg", "params.json")
    recorded = recorded if isinstance(recorded, list) else recorded["params"]
    names = {entry["name"]: tuple(entry["shape"]) for entry in recorded}
    assert names == stem_seg(names["semseg_head.conv_out.weight"][0] - 2)


def test_a_missing_an_unknown_and_a_misshapen_tensor_are_named():
    own = tensors()
    del own["semseg_head.conv_8.weight"]
    with pytest.raises(InputError, match=r"semseg_head.conv_8.weight: is missing"):
        converted(own)
    with pytest.raises(InputError, match=r"track_head.fc.bias: unknown tensor"):
        converted(tensors() | {"track_head.fc.bias": np.zeros(1)})
    with pytest.raises(InputError, match=r"conv_out.weight: shape \(42, .*expected \(27, "):
        converted(tensors(40))


def test_files_whose_embeddings_mean_something_else_are_refused():
    name = "embedding_loss_criterion.free_dim_bandwidths"
    with pytest.raises(InputError, match=f"{name}: is not the constant of this model"):
        converted(tensors() | {name: np.ones((1, 2), np.float32)})


def test_a_model_on_another_backbone_lacks_tensors():
    with pytest.raises(InputError, match=r"backbone.body.layer1.0.bn3.bias: unknown tensor"):
        converted(tensors(), quickstart_stem_seg)


def test_the_first_convolution_is_read_as_bgr():
    stem = np.random.default_rng(0).normal(size=(64, 3, 7, 7)).astype(np.float32)
    got = converted(tensors() | {"backbone.body.stem.conv1.weight": stem})
    ours = got.values["params/backbone/stem/conv/kernel"]
    np.testing.assert_array_equal(ours[..., 0, :].transpose(2, 0, 1), stem[:, 2])
