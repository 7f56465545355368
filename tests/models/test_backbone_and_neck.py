import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ovis_jax.models.backbones.resnet import Bottleneck, ResNet
from ovis_jax.models.necks.fpn import FPN


def test_the_place_of_the_stride_changes_numbers_but_neither_sizes_nor_parameters():
    x = jax.random.normal(jax.random.key(0), (1, 8, 12, 16))
    late, early = (Bottleneck(4, 2, "none", "float32", True, first) for first in (False, True))
    (a, variables) = late.init_with_output(jax.random.key(1), x)
    b = early.apply(variables, x)
    assert a.shape == b.shape == (1, 4, 6, 16)
    assert jnp.abs(a - b).max() > 1e-3


def test_extra_levels_halve_the_one_before_and_are_rounded_up():
    sizes = ((40, 24), (20, 12), (10, 6), (5, 3))
    features = [jnp.ones((1, *size, 8)) for size in sizes]
    neck = FPN(channels=16, first_level=3, extra_convs=2)
    levels, variables = neck.init_with_output(jax.random.key(0), features)
    assert [x.shape[1:3] for x in levels] == [(20, 12), (10, 6), (5, 3), (3, 2), (2, 1)]
    names = {f"lateral{i}" for i in (3, 4, 5)} | {f"output{i}" for i in range(3, 8)}
    assert set(variables["params"]) == names


def test_only_the_second_extra_level_sees_no_negative_values():
    features = [jnp.ones((1, 2**i, 2**i, 8)) for i in (5, 4, 3, 2)]
    neck = FPN(channels=1, first_level=3, extra_convs=2)
    params = neck.init(jax.random.key(0), features)["params"]
    params = jax.tree.map(jnp.zeros_like, params)
    for name in ("output6", "output7"):
        params[name]["conv"]["kernel"] = jnp.ones((3, 3, 1, 1))
    params["output5"]["conv"]["bias"] = jnp.array([-1.0])
    levels = neck.apply({"params": params}, features)
    assert (levels[3] < 0).all() and not levels[4].any()


def test_every_so_many_th_block_after_the_first_stage_is_deformable():
    network = ResNet(depth=50, width=4, norm="none", deformable_every=2)
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
    found = {
        (int(stage[5:]), int(block[5:]))
        for stage in shapes
        if stage.startswith("stage")
        for block in shapes[stage]
        if "offset" in shapes[stage][block]["conv2"]
    }
    assert found == {(2, 0), (2, 2), (3, 0), (3, 2), (3, 4), (4, 0), (4, 2)}
    with pytest.raises(ValueError, match="deformable_every needs a depth"):
        network.clone(depth=18).init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))


def test_a_deformable_block_begins_as_half_of_an_ordinary_one():
    x = jax.random.normal(jax.random.key(0), (1, 8, 12, 16))
    block = Bottleneck(4, 2, "none", "float32", True, deformable=True)
    out, variables = block.init_with_output(jax.random.key(1), x)
    params = variables["params"]
    plain = dict(params, conv2={"conv": jax.tree.map(lambda w: w / 2, params["conv2"]["conv"])})
    want = Bottleneck(4, 2, "none", "float32", True).apply({"params": plain}, x)
    jax.tree.map(lambda a: np.testing.assert_array_equal(a, 0), params["conv2"]["offset"])
    np.testing.assert_allclose(out, want, atol=1e-5)


def test_rectified_levels_are_enlarged_bilinearly_and_extra_ones_may_be_negative():
    sizes = ((40, 24), (20, 12), (10, 6), (5, 3))
    keys = jax.random.split(jax.random.key(0), 4)
    features = [jax.random.normal(k, (1, *s, 8)) for k, s in zip(keys, sizes, strict=True)]
    neck = FPN(channels=6, first_level=3, extra_convs=2, bilinear=True, rectified=True)
    levels, variables = neck.init_with_output(jax.random.key(1), features)
    assert all((x >= 0).all() for x in levels[:3]) and (levels[3] < 0).any()
    params = variables["params"]

    def convolved(x, name, padding):
        kernel, bias = (params[name]["conv"][part] for part in ("kernel", "bias"))
        names = ("NHWC", "HWIO", "NHWC")
        return (
            jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=names) + bias
        )

    top = convolved(features[3], "lateral5", "SAME")
    middle = convolved(features[2], "lateral4", "SAME")
    middle = middle + jax.image.resize(top, middle.shape, "bilinear")
    want = nn.relu(convolved(middle, "output4", "SAME"))
    np.testing.assert_allclose(levels[1], want, atol=1e-4)
