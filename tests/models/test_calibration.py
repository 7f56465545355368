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


def test_offsets_begin_at_the_motion_that_the_correlation_knows():
    settings = dict(displacements=5, dilation=1, channels=8, num_convs=1, init_scale=0.0)
    module = TemporalCalibration(**settings, motion_sharpness=20.0)
    query = jax.random.normal(jax.random.key(3), (1, 12, 12, 64))
    reference = jnp.roll(query, (1, -2), axis=(1, 2))
    variables = module.init(jax.random.key(0), [query], [reference])
    offsets = module.apply(variables, query, reference, method="offsets")
    inner = offsets.reshape(1, 12, 12, 9, 2)[:, 3:-3, 3:-3]
    np.testing.assert_allclose(inner, np.broadcast_to([1.0, -2.0], inner.shape), atol=0.1)


@pytest.mark.parametrize("setting", [{"motion_sharpness": 4.0}, {"unit_features": True}])
def test_what_a_correlation_is_made_of_needs_a_correlation(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} needs a correlation"):
        calibration(compare="difference", **setting)


def test_features_of_any_length_show_the_same_motion():
    settings = dict(displacements=5, dilation=1, channels=8, num_convs=1, init_scale=0.0)
    module = TemporalCalibration(**settings, motion_sharpness=20.0, unit_features=True)
    query = jax.random.normal(jax.random.key(3), (1, 12, 12, 64))
    reference = jnp.roll(query, (1, -2), axis=(1, 2))
    length = jnp.exp(2 * jax.random.normal(jax.random.key(4), (1, 12, 12, 1)))
    variables = module.init(jax.random.key(0), [query], [reference])
    offsets = module.apply(variables, query, reference * length, method="offsets")
    inner = offsets.reshape(1, 12, 12, 9, 2)[:, 3:-3, 3:-3]
    np.testing.assert_allclose(inner, np.broadcast_to([1.0, -2.0], inner.shape), atol=0.1)


def test_features_of_zeros_resemble_nothing_but_have_gradients():
    module, variables = calibration(unit_features=True, motion_sharpness=4.0)

    def loss(query):
        return module.apply(variables, [query], [maps(1)])[0].sum()

    gradient = jax.grad(loss)(jnp.zeros_like(maps(0)))
    assert jnp.isfinite(gradient).all()


def test_the_mean_starts_between_the_query_and_a_copy_of_the_reference():
    module, variables = calibration(fusion="mean", init_scale=0.0)
    (calibrated,) = module.apply(variables, [maps(0)], [maps(1)])
    np.testing.assert_allclose(calibrated, (maps(0) + maps(1)) / 2, atol=1e-6)


def test_the_mean_starts_from_the_reference_where_it_has_moved_to():
    settings = dict(displacements=5, dilation=1, channels=8, num_convs=1, init_scale=0.0)
    module = TemporalCalibration(**settings, motion_sharpness=50.0, fusion="mean")
    query = jax.random.normal(jax.random.key(3), (1, 12, 12, 64))
    reference = jnp.roll(query, (1, -2), axis=(1, 2))
    variables = module.init(jax.random.key(0), [query], [reference])
    (calibrated,) = module.apply(variables, [query], [reference])
    np.testing.assert_allclose(calibrated[:, 3:-3, 3:-3], query[:, 3:-3, 3:-3], atol=0.05)


def test_an_unknown_fusion_is_refused():
    with pytest.raises(ValueError, match="product"):
        calibration(fusion="product")


def one_canvas_and_one_after_the_other(settings):
    """Values and gradients, as CPUs and as GPUs compute them."""
    module, variables = calibration(num_convs=2, **settings)
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
        return found(), want


MADE_OF = ({}, {"motion_sharpness": 0.5}, {"unit_features": True, "fusion": "mean"})


@pytest.mark.parametrize("settings", MADE_OF)
def test_all_levels_on_one_canvas_are_calibrated_as_one_after_the_other(settings):
    got, want = one_canvas_and_one_after_the_other(settings)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got, want)


def test_so_they_are_where_a_sharp_motion_magnifies_every_last_bit():
    """One bit more in the input moves gradients by up to 6e-4, of up to 336."""
    got, want = one_canvas_and_one_after_the_other({"motion_sharpness": 4.0})
    (score, levels), _ = got
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        (score, levels),
        want[0],
    )

    def close(a, b):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(b).max())

    jax.tree.map(close, got[1], want[1])
