import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.heads.mask import MaskHead
from ovis_jax.models.layers import ConvNorm


@pytest.mark.parametrize("shape", [(2, 5, 6, 8), (2, 3, 5, 6, 8)])
def test_group_norm_treats_every_map_on_its_own(shape):
    layer = ConvNorm(16, norm="group")
    x = jax.random.normal(jax.random.key(0), shape)
    variables = layer.init(jax.random.key(1), x)
    together = layer.apply(variables, x)
    maps = x.reshape(-1, 1, *shape[-3:])
    alone = jnp.concatenate([layer.apply(variables, one) for one in maps])
    np.testing.assert_allclose(together.reshape(alone.shape), alone, atol=1e-5)


def test_a_mask_does_not_depend_on_the_rois_beside_it():
    head = MaskHead(num_classes=2, channels=8, num_convs=2, norm="group")
    features = jax.random.normal(jax.random.key(0), (1, 4, 6, 6, 8))
    variables = head.init(jax.random.key(1), features)
    poisoned = features.at[:, 2:].set(jnp.nan)
    for own in (head.apply(variables, poisoned), head.apply(variables, features[:, :2])):
        np.testing.assert_allclose(own[:, :2], head.apply(variables, features)[:, :2], atol=1e-5)


def test_the_frozen_norm_of_maskrcnn_benchmark_adds_nothing_to_the_variance():
    x = np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype(np.float32)
    layer = ConvNorm(4, 1, norm="frozen_batch_0")
    variables = layer.init(jax.random.key(0), x)
    small = np.full(4, 1e-6, np.float32)
    variables["batch_stats"]["norm"]["var"] = small
    plain = x @ np.asarray(variables["params"]["conv"]["kernel"])[0, 0]
    np.testing.assert_allclose(layer.apply(variables, x), plain / np.sqrt(small), rtol=1e-4)
