"""DeepLabv3+ on Xception-65 and FEELVOS's heads, beside numpy in float64 by published names.

Numbers go in under the names of the published files, so that the tables of names are right, too.
"""

import functools

import jax
import numpy as np
import pytest
from models import tiny_feelvos
from models.naive_deeplab import Network, between_corners, convolve
from weights.maps.published_feelvos import feelvos

from ovis_jax.models.backbones.xception import Xception
from ovis_jax.models.build import build_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import convert_state

WIDTH, UNITS = 4, 2
SIZE = (64, 96)


@functools.cache
def tensors():
    """Under their published names; norms are no identities, and values stay of one size."""
    rng, found = np.random.default_rng(0), {}
    for name, shape in feelvos(WIDTH, UNITS, size=8, channels=8).items():
        if name.endswith(("gamma", "moving_variance")):
            found[name] = rng.uniform(0.5, 1.5, shape)
        elif name.endswith(("weights", "depthwise_weights")):
            inputs = np.prod(shape[:2]) * (1 if "depthwise" in name else shape[2])
            found[name] = rng.normal(size=shape) * np.sqrt(2 / inputs)
        else:
            found[name] = 0.1 * rng.normal(size=shape)
    return {name: x.astype(np.float32) for name, x in found.items()}


@functools.cache
def published(output_stride=16):
    """The system, and its variables with the tensors in their places."""
    settings = dict(width=WIDTH, output_stride=output_stride, middle_units=UNITS)
    config = tiny_feelvos.tiny_config(features="deeplab", deeplab=settings)
    config = config.copy_and_resolve_references().unlock()
    config.model.propagation.num_convs = 4
    system, shapes = build_model(config)
    name_map = NAME_MAPS["feelvos"].name_map(config.model)
    initial = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    return system, convert_state(tensors(), name_map, shapes, "file").complete(initial)


@pytest.mark.parametrize("output_stride", [8, 16])
def test_features_of_pixels_are_those_of_the_published_network(output_stride):
    system, variables = published(output_stride)
    rng, inside = np.random.default_rng(1), (50, 90)
    frame = rng.integers(0, 256, (*SIZE, 3), np.uint8)
    run = jax.jit(functools.partial(system.apply, method="pixels"))
    got = run(variables, frame[None], np.array([inside]))
    scaled = np.zeros((*SIZE, 3))
    scaled[: inside[0], : inside[1]] = frame[: inside[0], : inside[1]] * (2 / 255) - 1
    want = Network(tensors(), UNITS, output_stride).features(scaled)
    assert want.std() > 0.1 and got.dtype == np.float32
    np.testing.assert_allclose(got[0], want, rtol=1e-4, atol=1e-4 * want.std())


@pytest.mark.parametrize(("stride", "rate"), [(1, 1), (1, 4), (2, 1)])
def test_convolutions_in_numpy_are_those_of_tensorflow(stride, rate):
    """Padded as the published code pads: by itself with a stride, else as TensorFlow does."""
    nn = pytest.importorskip("tensorflow").nn
    rng = np.random.default_rng(3)
    x, depthwise = rng.normal(size=(1, 10, 12, 5)), rng.normal(size=(3, 3, 5, 1))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))) if stride > 1 else x
    padding = "VALID" if stride > 1 else "SAME"
    want = nn.depthwise_conv2d(padded, depthwise, [1, stride, stride, 1], padding, None, [rate] * 2)
    np.testing.assert_allclose(convolve(x[0], depthwise, stride, rate), want[0], atol=1e-10)
    kernel = rng.normal(size=(3, 3, 5, 4))
    want = nn.conv2d(padded, kernel, stride, padding, dilations=rate)
    np.testing.assert_allclose(convolve(x[0], kernel, stride, rate), want[0], atol=1e-10)


def test_maps_in_numpy_are_resized_as_by_tensorflow():
    image = pytest.importorskip("tensorflow").compat.v1.image
    x = np.random.default_rng(4).normal(size=(1, 4, 6, 3)).astype(np.float32)
    want = image.resize_bilinear(x, (16, 24), align_corners=True)
    np.testing.assert_allclose(between_corners(np.float64(x[0]), 16, 24), want[0], atol=1e-5)


def test_embeddings_and_logits_are_those_of_one_convolution_of_features_and_cues():
    system, variables = published()
    rng, network = np.random.default_rng(2), Network(tensors(), UNITS, 16)
    features = rng.normal(size=(6, 9, 16)).astype(np.float32)
    cues = rng.uniform(size=(6, 9, 2, 3)).astype(np.float32)
    params = variables["params"]
    got = system.embedding.apply({"params": params["embedding"]}, features[None])
    np.testing.assert_allclose(got[0], network.embeddings(features), rtol=1e-4, atol=1e-4)
    head = jax.jit(system.propagation.apply)
    got = head({"params": params["propagation"]}, features[None], cues[None])
    np.testing.assert_allclose(got[0], network.logits(features, cues), rtol=1e-4, atol=1e-4)


def test_other_output_strides_are_refused():
    with pytest.raises(ValueError, match="output_stride is 4"):
        jax.eval_shape(
            Xception(output_stride=4).init, jax.random.key(0), np.zeros((1, 32, 32, 3), np.float32)
        )
