"""The features that predicted networks draw masks on."""

import jax
import jax.numpy as jnp
import pytest

from ovis_jax.models.heads.dynamic_mask import DynamicMaskHead


def feature_shapes(*sizes):
    head = DynamicMaskHead(branch_channels=32, branch_convs=1, norm="group")
    pyramid = [jnp.zeros((1, *size, 8)) for size in sizes]
    return jax.eval_shape(
        lambda: head.init_with_output(jax.random.key(0), pyramid, False, method="features")[0]
    )


def test_features_have_the_size_of_the_first_level():
    assert feature_shapes((8, 12), (4, 6), (2, 3)).shape == (1, 8, 12, 8)


@pytest.mark.parametrize("sizes", [((6, 12), (3, 6), (2, 3)), ((8, 10), (4, 5), (2, 3))])
def test_a_canvas_whose_levels_do_not_double_is_refused(sizes):
    with pytest.raises(ValueError, match="multiple of 32 .config.data.pad_multiple"):
        feature_shapes(*sizes)
