import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.ops.platforms import traced_for
from ovis_jax.training.optimizer import (
    Descent,
    decayed_parameters,
    delayed_parameters,
    make_optimizer,
    norm,
    rate_factors,
    trained_norm,
    trained_parameters,
)

PARAMS = {"body": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.array([0.5])}, "stem": jnp.ones(2)}
GRADIENTS = {
    "body": {"kernel": jnp.array([30.0, 40.0]), "bias": jnp.array([0.0])},
    "stem": jnp.full(2, 1e6),
}


def torch_descent(p, gradients, rates, descent):
    """PyTorch's clip_grad_norm_ and SGD in float64."""
    velocity = np.zeros_like(p)
    for g, rate in zip(gradients, rates, strict=True):
        g = g * min(descent.clip_norm / (np.linalg.norm(g) + 1e-6), 1) + descent.weight_decay * p
        velocity = descent.momentum * velocity + g
        p = p - rate * (g + descent.momentum * velocity if descent.nesterov else velocity)
    return p


@pytest.mark.parametrize("nesterov", [False, True])
def test_updates_follow_pytorch_over_several_steps(nesterov):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=6), rng.normal(size=(5, 6)) * [[1], [40], [1], [9], [100]]
    rates = [0.1, 0.2, 0.1, 0.05, 0.3]
    params = {"w": jnp.asarray(start, jnp.float32)}
    descent = Descent(momentum=0.9, weight_decay=0.01, clip_norm=35.0, nesterov=nesterov)
    optimizer = make_optimizer(lambda step: jnp.array(rates)[step], {"w": True}, descent)
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update({"w": jnp.asarray(gradient)}, state, params)
        params = optax.apply_updates(params, updates)
    want = torch_descent(start, gradients, rates, descent)
    np.testing.assert_allclose(params["w"], want, rtol=2e-5)


def test_frozen_parameters_stay_and_do_not_count_in_the_norm():
    trained = trained_parameters(PARAMS, ("stem",))
    assert trained == {"body": {"kernel": True, "bias": True}, "stem": False}
    assert trained_norm(GRADIENTS, trained) == 50
    optimizer = make_optimizer(lambda step: 1.0, trained, Descent(0.9, 0.0, clip_norm=5.0))
    state = optimizer.init(PARAMS)
    updates, state = optimizer.update(GRADIENTS, state, PARAMS)
    np.testing.assert_array_equal(updates["stem"], 0)
    np.testing.assert_allclose(updates["body"]["kernel"], [-3, -4], rtol=1e-6)
    assert len(jax.tree.leaves(state)) == 3  # two momenta and a count


def test_weight_decay_comes_after_clipping_and_reaches_biases():
    updates = decay_alone("sgd", trained_parameters(PARAMS, ()))
    np.testing.assert_allclose(updates["body"]["bias"], [-0.05], rtol=1e-6)


def decay_alone(name, trained, decayed=None):
    """The updates of a first step without gradients."""
    descent = Descent(0.9, weight_decay=0.1, clip_norm=1e-3, name=name)
    optimizer = make_optimizer(lambda step: 1.0, trained, descent, decayed=decayed)
    nothing = jax.tree.map(jnp.zeros_like, PARAMS)
    return optimizer.update(nothing, optimizer.init(PARAMS), PARAMS)[0]


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_weights_decay_but_for_those_on_some_paths(name):
    decayed = decayed_parameters(PARAMS, ("**/bias",))
    assert decayed == {"body": {"kernel": True, "bias": False}, "stem": True}
    for frozen in ((), ("stem",)):
        updates = decay_alone(name, trained_parameters(PARAMS, frozen), decayed)
        np.testing.assert_allclose(updates["body"]["kernel"], [-0.1, 0.2], rtol=1e-6)
        np.testing.assert_array_equal(updates["body"]["bias"], [0])
        np.testing.assert_allclose(updates["stem"], [0, 0] if frozen else [-0.1, -0.1], rtol=1e-6)


def test_without_a_path_all_weights_decay_and_the_state_is_what_it_was():
    trained = trained_parameters(PARAMS, ())
    assert decayed_parameters(PARAMS, ()) is None
    everywhere = decay_alone("sgd", trained, jax.tree.map(lambda _: True, PARAMS))
    jax.tree.map(np.testing.assert_array_equal, decay_alone("sgd", trained), everywhere)
    with pytest.raises(InputError, match=r"config.train.undecayed: '\*\*/norm'"):
        decayed_parameters(PARAMS, ("**/norm",))


def test_a_frozen_path_ends_at_a_slash():
    params = {"stage1": {"w": 0}, "stage10": {"w": 0}}
    assert trained_parameters(params, ("stage1",)) == {
        "stage1": {"w": False},
        "stage10": {"w": True},
    }


def test_a_star_stands_for_one_part_of_a_path():
    params = {"a": {"b1": {"norm": 0, "w": 0}, "norm": 0}, "norm": 0}
    assert trained_parameters(params, ("a/b*/norm",)) == {
        "a": {"b1": {"norm": False, "w": True}, "norm": True},
        "norm": True,
    }


def test_two_stars_stand_for_any_number_of_parts():
    params = {"a": {"b1": {"norm1": 0, "w": 0}, "norm": {"x": 0}}, "norm": 0, "denorm": 0}
    assert trained_parameters(params, ("**/norm*",)) == {
        "a": {"b1": {"norm1": False, "w": True}, "norm": {"x": False}},
        "norm": False,
        "denorm": True,
    }


def test_a_frozen_path_without_parameters_is_bad_input():
    with pytest.raises(InputError, match="config.train.frozen: 'body/kernl'"):
        trained_parameters(PARAMS, ("body/kernl",))


def test_adamw_decays_outside_its_moments():
    descent = Descent(0.9, weight_decay=0.5, clip_norm=35.0, name="adamw")
    optimizer = make_optimizer(lambda step: 0.1, {"w": True}, descent)
    params = {"w": jnp.array([2.0, -4.0])}
    updates, _ = optimizer.update({"w": jnp.array([3.0, -0.2])}, optimizer.init(params), params)
    np.testing.assert_allclose(updates["w"], [-0.1 * (1 + 1), 0.1 * (1 + 2)], rtol=1e-5)


@pytest.mark.parametrize("second_moment", [0.99, 0.999])
def test_adamw_follows_its_definition_over_several_steps(second_moment):
    gradients = np.random.default_rng(0).normal(size=(4, 3))
    descent = Descent(0.9, 0.01, 35.0, name="adamw", second_moment=second_moment)
    optimizer = make_optimizer(lambda step: 0.1, {"w": True}, descent)
    params = {"w": jnp.ones(3)}
    state, want, first, second = optimizer.init(params), np.ones(3), 0.0, 0.0
    for step, gradient in enumerate(gradients, start=1):
        updates, state = optimizer.update({"w": jnp.asarray(gradient)}, state, params)
        params = optax.apply_updates(params, updates)
        first = 0.9 * first + 0.1 * gradient
        second = second_moment * second + (1 - second_moment) * gradient**2
        scale = np.sqrt(second / (1 - second_moment**step)) + 1e-8
        want = want - 0.1 * (first / (1 - 0.9**step) / scale + 0.01 * want)
    np.testing.assert_allclose(params["w"], want, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "lion"}, "config.train.optimizer: 'lion', expected 'sgd' or 'adamw'"),
        ({"name": "adamw", "nesterov": True}, "config.train.nesterov"),
        ({"name": "adamw", "second_moment": 1.0}, "config.train.second_moment: .* is 1.0"),
        ({"momentum": -0.5}, "config.train.momentum"),
    ],
)
def test_an_optimizer_that_means_nothing_is_bad_input(options, reason):
    with pytest.raises(InputError, match=reason):
        Descent(**{"momentum": 0.9, "weight_decay": 0.0, "clip_norm": 1.0} | options)


def test_a_factor_slows_the_parameters_below_its_path():
    factors = rate_factors(PARAMS, (("body", 0.5), ("body/bias", 0.1)))
    assert factors == {"body": {"kernel": 0.5, "bias": 0.1}, "stem": 1.0}
    trained = trained_parameters(PARAMS, ())
    for name in ("sgd", "adamw"):
        descent = Descent(momentum=0.9, weight_decay=0.1, clip_norm=5.0, name=name)
        slowed, usual = (
            make_optimizer(lambda step: 0.3, trained, descent, factors=f) for f in (factors, None)
        )
        got, _ = slowed.update(GRADIENTS, slowed.init(PARAMS), PARAMS)
        want, _ = usual.update(GRADIENTS, usual.init(PARAMS), PARAMS)
        jax.tree.map(lambda g, w, f: np.testing.assert_allclose(g, w * f), got, want, factors)


def test_without_a_factor_for_anything_there_are_none():
    assert rate_factors(PARAMS, ()) is None
    assert rate_factors(PARAMS, (("tail", 0.1),)) is None


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_the_norm_is_that_of_all_arrays_together(kind):
    rng = np.random.default_rng(0)
    tree = {str(i): rng.normal(size=shape) for i, shape in enumerate([(), (3,), (2, 5), (2**20,)])}
    with traced_for(kind):
        got = norm(jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), tree))
    want = np.sqrt(sum((x**2).sum() for x in tree.values()))
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_delayed_parameters_have_a_schedule_of_their_own(name):
    usual, late = (0.0, 0.1, 0.2, 0.4), (0.0, 0.0, 0.05, 0.1)
    delayed = delayed_parameters(PARAMS, ("stem",))
    assert delayed == {"body": {"kernel": False, "bias": False}, "stem": True}
    trained, descent = trained_parameters(PARAMS, ()), Descent(0.9, 0.0, 1e9, name=name)

    def run(rates, **more):
        optimizer = make_optimizer(lambda step: jnp.array(rates)[step], trained, descent, **more)
        state, steps = optimizer.init(PARAMS), []
        for _ in usual:
            updates, state = optimizer.update(GRADIENTS, state, PARAMS)
            steps.append(updates)
        return steps

    both = run(usual, delayed=(delayed, lambda step: jnp.array(late)[step]))
    for own, with_usual, with_late in zip(both, run(usual), run(late), strict=True):
        np.testing.assert_allclose(own["stem"], with_late["stem"], rtol=1e-6)
        np.testing.assert_array_equal(own["body"]["kernel"], with_usual["body"]["kernel"])


def test_delayed_paths_must_hold_parameters():
    assert delayed_parameters(PARAMS, ()) is None
    with pytest.raises(InputError, match="config.train.delayed.paths: 'nothing'"):
        delayed_parameters(PARAMS, ("nothing",))
