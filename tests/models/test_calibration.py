import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.calibration import COMPARISONS, TemporalCalibration


def maps(seed: int):
    return jax.random.normal(jax.random.key(seed), (2, 6, 7, 4))


def calibration(**settings):
    module = TemporalCalibration(displacements=4, channels=8, num_convs=1, **settings)
    return module, module.init(jax.random.key(0), [maps(0)], [maps(1)])


@pytest.mark.parametrize("compare", ["correlation", "difference", "query"])
def test_an_initial_scale_of_zero_leaves_the_query_but_lets_the_kernel_learn(compare):
    module, variables = calibration(compare=compare, init_scale=0.0)
    (calibrated,) = module.apply(variables, [maps(0)], [maps(1)])
    np.testing.assert_array_equal(calibrated, maps(0))

    def loss(params):
        return (module.apply({"params": params}, [maps(0)], [maps(1)])[0] * maps(2)).sum()

    gradient = jax.grad(loss)(variables["params"])
    assert jnp.abs(gradient["align"]["kernel"]).max() > 0.1


def test_the_published_start_changes_the_query():
    module, variables = calibration()
    (calibrated,) = module.apply(variables, [maps(0)], [maps(1)])
    assert jnp.abs(calibrated - maps(0)).max() > 0.01


def test_levels_share_their_weights():
    module, variables = calibration()
    one, other = module.apply(variables, [maps(0), maps(0)], [maps(1), maps(1)])
    np.testing.assert_array_equal(one, other)


def test_addition_needs_no_offsets():
    module, variables = calibration(compare="addition")
    assert "params" not in variables
    (calibrated,) = module.apply(variables, [maps(0)], [maps(1)])
    np.testing.assert_array_equal(calibrated, maps(0) + maps(1))


def test_the_query_alone_does_not_see_the_reference():
    module, variables = calibration(compare="query")
    one, other = (module.apply(variables, [maps(0)], [maps(seed)])[0] for seed in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_an_unknown_comparison_is_refused():
    assert "sum" not in COMPARISONS
    with pytest.raises(ValueError, match="sum"):
        calibration(compare="sum")
