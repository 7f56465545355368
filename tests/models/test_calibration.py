import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.calibration import COMPARISONS, TemporalCalibration
from ovis_jax.ops.platforms import traced_for

SHAPES = tuple(enumerate([(8, 12), (4, 6), (2, 3)]))


def maps(seed: int):
    return jax.random.normal(jax.random.key(seed), (2, 6, 7, 4))


def calibration(**settings):
    module = TemporalCalibration(**{"displacements": 4, "channels": 8, "num_convs": 1} | settings)
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


def test_all_levels_on_one_canvas_are_calibrated_as_one_after_the_other():
    module, variables = calibration(num_convs=2)
    query, reference = (
        [jax.random.normal(jax.random.key(seed + i), (2, *shape, 4)) for i, shape in SHAPES]
        for seed in (0, 10)
    )

    def score(params, query, reference):
        levels = module.apply({"params": params}, query, reference)
        return sum((x**2).sum() for x in levels), levels

    def found():
        score_and_gradients = jax.jit(lambda *x: jax.value_and_grad(score, (0, 1, 2), True)(*x))
        return score_and_gradients(variables["params"], query, reference)

    want = found()
    with traced_for("gpu"):
        got = found()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got, want)
