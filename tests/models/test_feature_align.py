import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.models.feature_align import FeatureAlignment


def inputs():
    features = jax.random.normal(jax.random.key(0), (2, 5, 6, 16))
    boxes = jax.random.uniform(jax.random.key(1), (2, 5, 6, 4), maxval=4.0)
    return features, boxes


def test_it_starts_as_an_ordinary_convolution_with_group_norm():
    module = FeatureAlignment()
    features, boxes = inputs()
    variables = module.init(jax.random.key(2), features, boxes)
    kernel = variables["params"]["conv"]["kernel"]
    convolved = jax.lax.conv_general_dilated(
        features, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    groups = convolved.reshape(2, 30, 2, 8)
    mean, var = groups.mean((1, 3), keepdims=True), groups.var((1, 3), keepdims=True)
    want = nn.relu((groups - mean) / jnp.sqrt(var + 1e-5)).reshape(2, 5, 6, 16)
    np.testing.assert_allclose(module.apply(variables, features, boxes), want, atol=1e-4)


def test_boxes_steer_the_features_but_receive_no_gradient():
    module = FeatureAlignment()
    features, boxes = inputs()
    params = module.init(jax.random.key(2), features, boxes)["params"]
    params["offset"]["kernel"] = 0.3 * jax.random.normal(jax.random.key(3), (1, 1, 4, 72))

    def score(features, boxes, params):
        return (module.apply({"params": params}, features, boxes) ** 2).sum()

    assert score(features, boxes, params) != score(features, boxes + 1, params)
    by_features, by_boxes, by_params = jax.grad(score, (0, 1, 2))(features, boxes, params)
    assert not by_boxes.any()
    assert jnp.abs(by_features).max() > 0 and jnp.abs(by_params["offset"]["kernel"]).max() > 0
