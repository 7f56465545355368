"""DLA-34 and its up-sampling: what shapes they give, how they begin, and who learns."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.backbones.dla import DLA
from ovis_jax.models.deformable import ModulatedConvNorm
from ovis_jax.models.necks.dla_up import DLAUp, Upsample


@functools.cache
def shapes():
    """Outputs of backbone and neck, and their parameters, without computing them."""

    def run(key, images):
        levels, variables = DLA(width=8, norm="group").init_with_output(key, images)
        finest, neck = DLAUp(norm="group").init_with_output(key, levels)
        return levels, finest, variables["params"], neck["params"]

    return jax.eval_shape(run, jax.random.key(0), jax.ShapeDtypeStruct((2, 64, 96, 3), np.float32))


def test_maps_have_strides_4_to_32_and_end_in_one_at_stride_4():
    levels, (finest,), _, _ = shapes()
    want = [(2, 64 >> i, 96 >> i, 8 << i) for i in range(2, 6)]
    assert [x.shape for x in levels] == want
    assert finest.shape == want[0] and finest.dtype == jnp.float32


def test_every_tree_has_34_layers_and_no_projection_that_nothing_reads():
    _, _, backbone, neck = shapes()
    assert set(backbone) == {"stem", "level0", "level1", "level2", "level3", "level4", "level5"}
    assert set(backbone["level3"]) == {"tree1", "tree2"}
    assert "project" in backbone["level3"]["tree1"] and "project" not in backbone["level3"]["tree2"]
    nodes = [name for name in neck if "project" in name or "node" in name]
    assert len(nodes) == 16 and all("offset" in neck[name]["conv"] for name in nodes)


def test_frames_that_are_no_multiple_of_32_are_refused():
    with pytest.raises(ValueError, match=r"multiples of 32, got \(64, 80\)"):
        jax.eval_shape(DLA().init, jax.random.key(0), np.zeros((1, 64, 80, 3), np.float32))


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarging_begins_as_bilinear(factor):
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1).repeat(2, axis=-1)
    y, _ = Upsample(factor).init_with_output(jax.random.key(0), x)
    assert y.shape == (1, 3 * factor, 4 * factor, 2)
    inside = slice(factor, -factor)
    steps = np.diff(np.asarray(y)[0, inside, inside, 0], axis=1)
    np.testing.assert_allclose(steps, 1 / factor, atol=1e-6)


def test_a_modulated_convolution_begins_as_half_of_a_plain_one():
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 3)).astype(np.float32)
    y, variables = ModulatedConvNorm(2).init_with_output(jax.random.key(0), x)
    kernel = variables["params"]["conv"]["kernel"]
    plain = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(y, plain / 2, atol=1e-5)
