import jax
import jax.numpy as jnp

from ovis_jax.models.backbones.resnet import Bottleneck
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
