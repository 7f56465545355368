"""The tables of FEELVOS and DeepLab on COCO against the names and shapes that their code makes."""

import functools

import numpy as np
import pytest
from weights.maps import published_feelvos as published
from weights.small_model import small_feelvos_config

from configs import feelvos_r50_ovis, feelvos_xception65_ovis
from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.readers.files import read_weights
from ovis_jax.weights.rules import convert_state

DETECTOR = {"backbone", "neck", "rpn", "box", "mask", "track"}
FIRST = "embedding_seg/split_separable_conv2d_0"


@functools.cache
def shapes():
    return build_model(feelvos_xception65_ovis.get_config())[1]


def zeros(tensors):
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in tensors.items()}


def converted(model, tensors):
    name_map = NAME_MAPS[model].name_map(feelvos_xception65_ovis.get_config().model)
    return convert_state(zeros(tensors), name_map, shapes(), "file")


def test_every_tensor_of_feelvos_has_its_place_and_the_detector_is_new():
    own = published.feelvos()
    layers = {name.rsplit("/", 1)[0] for name in own if name.endswith("weights")}
    separable = [name for name in layers if name.endswith("_pointwise") and "xception" in name]
    assert len(separable) + len(("conv1_1", "conv1_2")) == 65
    left = published.training(own)
    got = converted("feelvos", own | left)
    assert set(got.fresh) == DETECTOR
    assert {name for names in got.unused.values() for name in names} == set(left)
    assert len(got.values) == len(own) + 3  # of the first convolution, in two parts each


def test_of_deeplab_on_coco_all_but_the_logits_is_read():
    own = published.deeplab_of_coco()
    got = converted("xception_65_coco", own | {"global_step": ()})
    assert set(got.fresh) == DETECTOR | {"embedding", "propagation"}
    assert got.unused["logits/*"] == ["logits/semantic/biases", "logits/semantic/weights"]
    assert len(got.values) == len(own) - 2


def test_the_first_convolution_is_divided_into_features_and_cues():
    tensors = zeros(published.feelvos())
    rng = np.random.default_rng(0)
    names = {"depthwise/depthwise_weights": 2, "depthwise/biases": 0, "pointwise/weights": 2}
    whole = {name: rng.normal(size=tensors[f"{FIRST}_{name}"].shape) for name in names}
    tensors |= {f"{FIRST}_{name}": np.float32(x) for name, x in whole.items()}
    name_map = NAME_MAPS["feelvos"].name_map(feelvos_xception65_ovis.get_config().model)
    got = convert_state(tensors, name_map, shapes(), "file").values
    for name, axis in names.items():
        layer = name.split("/")[0]
        leaf = "bias" if name.endswith("biases") else "kernel"
        for part, inside in (("features", slice(0, 256)), ("cues", slice(256, 259))):
            want = np.float32(np.take(whole[name], range(259)[inside], axis))
            ours = got[f"params/propagation/{part}_{layer}/{leaf}"]
            np.testing.assert_array_equal(ours.ravel(), want.ravel())
    assert got["params/propagation/cues_depthwise/kernel"].shape == (7, 7, 1, 3)


def test_a_file_without_one_of_the_cues_is_refused():
    tensors = published.feelvos()
    tensors[f"{FIRST}_depthwise/biases"] = (2,)
    with pytest.raises(InputError, match=r"biases: shape \(2,\), expected parts of sizes any, 3"):
        converted("feelvos", tensors)


def test_a_model_whose_features_are_those_of_the_detector_is_refused():
    for model in ("feelvos", "xception_65_coco"):
        with pytest.raises(InputError, match=r"features: 'detector', expected 'deeplab'"):
            NAME_MAPS[model].name_map(feelvos_r50_ovis.get_config().model)


def test_a_file_is_refused_under_the_name_of_the_other():
    files = {"feelvos": published.feelvos(), "xception_65_coco": published.deeplab_of_coco()}
    with pytest.raises(InputError, match="embedding/split_separable_conv2d_.*: unknown tensor"):
        converted("xception_65_coco", files["feelvos"])
    with pytest.raises(InputError, match=r"embedding/.*: is missing"):
        converted("feelvos", files["xception_65_coco"])


def test_a_checkpoint_that_tensorflow_wrote_is_imported(tmp_path):
    tensorflow = pytest.importorskip("tensorflow")
    own = published.feelvos(width=4, units=1, size=4, channels=8)
    rng, tensors = np.random.default_rng(0), {}
    for name, shape in (own | published.training(own)).items():
        tensors[name] = np.float32(rng.normal(size=shape))
    tensors["global_step"] = np.int64(200004)
    names = sorted(tensors)
    tensorflow.raw_ops.SaveV2(
        prefix=str(tmp_path / "model.ckpt-200004"),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tensorflow.constant(tensors[name]) for name in names],
    )
    state = read_weights(tmp_path / "model.ckpt-200004").arrays
    config = small_feelvos_config()
    name_map = NAME_MAPS["feelvos"].name_map(config.model)
    got = convert_state(state, name_map, build_model(config)[1], "file")
    assert sum(map(len, got.unused.values())) == len(tensors) - len(own)
    unit = "xception_65/middle_flow/block1/unit_1/xception_module"
    for theirs, ours in (
        ("depthwise/depthwise_weights", "params/xception/middle_0/conv3/depthwise/conv/kernel"),
        (
            "pointwise/BatchNorm/moving_mean",
            "batch_stats/xception/middle_0/conv3/pointwise/norm/mean",
        ),
    ):
        want = tensors[f"{unit}/separable_conv3_{theirs}"]
        np.testing.assert_array_equal(got.values[ours].ravel(), want.ravel())
