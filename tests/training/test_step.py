import jax
import jax.numpy as jnp
import numpy as np
from training.toy import ToyModel, init_toy, toy_batch

from ovis_jax.ops.means import Mean
from ovis_jax.training.optimizer import Descent, make_optimizer, trained_parameters
from ovis_jax.training.sharding import data_mesh
from ovis_jax.training.state import initial_state
from ovis_jax.training.step import make_train_step


def toy_training(model=None, averaged=False, **options):
    model = model or ToyModel()
    variables = init_toy(model, jax.random.key(0))
    trained = trained_parameters(variables["params"], ("stem",))

    def schedule(step):
        return 0.1 / (1 + step)

    optimizer = make_optimizer(schedule, trained, Descent(0.9, 1e-4, 35.0))
    step = make_train_step(model, optimizer, schedule, trained, data_mesh(), **options)
    return step, initial_state(variables, optimizer, averaged=averaged)


def test_a_step_changes_trained_parameters_only_and_counts():
    train_step, state = toy_training()
    before = jax.tree.map(np.array, state)
    state, metrics = train_step(state, toy_batch(4, 0), jax.random.key(1))
    assert int(state.step) == 1
    same = jax.tree.map(np.array_equal, before.params, jax.tree.map(np.array, state.params))
    assert all(jax.tree.leaves(same["stem"])) and not any(jax.tree.leaves(same["body"]))
    np.testing.assert_array_equal(before.constants["batch_stats"]["scale"], [1])
    np.testing.assert_array_equal(state.constants["batch_stats"]["scale"], [1])
    np.testing.assert_allclose(metrics.loss, sum(metrics.losses.values()), rtol=1e-6)
    np.testing.assert_array_equal(metrics.sample, toy_batch(4, 0).sample)
    assert set(metrics.values) == {"error", "gradient_norm", "learning_rate"}


def test_the_reported_learning_rate_is_the_one_used():
    train_step, state = toy_training()
    for step in range(3):
        state, metrics = train_step(state, toy_batch(4, step), jax.random.key(1))
        np.testing.assert_allclose(metrics.values["learning_rate"], 0.1 / (1 + step), rtol=1e-6)


def test_each_step_has_its_own_key_from_the_key_of_the_run():
    class Noisy(ToyModel):
        def losses(self, batch, keys):
            losses, _ = super().losses(batch, keys)
            return losses, {"noise": Mean(jax.random.uniform(keys.key), 1)}

    train_step, state = toy_training(Noisy())
    noise = []
    for _ in range(3):
        state, metrics = train_step(state, toy_batch(4, 0), jax.random.key(1))
        noise.append(float(metrics.values["noise"]))
    want = [jax.random.uniform(jax.random.fold_in(jax.random.key(1), step)) for step in range(3)]
    np.testing.assert_allclose(noise, want)


def test_the_loss_falls():
    train_step, state = toy_training()
    losses = []
    for _ in range(30):
        state, metrics = train_step(state, toy_batch(8, 0), jax.random.key(1))
        losses.append(float(metrics.loss))
    assert losses[-1] < 0.5 * losses[0] and jnp.isfinite(losses[-1])


def test_microbatches_give_the_step_of_the_whole_batch():
    ends = []
    for microbatches in (1, 2, 4):
        train_step, state = toy_training(microbatches=microbatches)
        for step in range(3):
            state, metrics = train_step(state, toy_batch(8, step), jax.random.key(1))
        ends.append((state.params, metrics))
    for params, metrics in ends[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), params, ends[0][0])
        np.testing.assert_allclose(metrics.loss, ends[0][1].loss, rtol=1e-5)
        np.testing.assert_array_equal(metrics.sample, ends[0][1].sample)


def test_microbatches_take_less_memory():
    def temporary_bytes(microbatches):
        train_step, state = toy_training(ToyModel(channels=16), microbatches=microbatches)
        compiled = train_step.lower(state, toy_batch(32, 0), jax.random.key(1)).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary_bytes(8) < 0.5 * temporary_bytes(1)


def test_each_microbatch_has_its_own_key():
    class Noisy(ToyModel):
        def losses(self, batch, keys):
            losses, _ = super().losses(batch, keys)
            return losses, {"noise": Mean(jax.random.uniform(keys.key), 1)}

    train_step, state = toy_training(Noisy(), microbatches=2)
    _, metrics = train_step(state, toy_batch(4, 0), jax.random.key(1))
    key = jax.random.fold_in(jax.random.key(1), 0)
    want = [jax.random.uniform(jax.random.fold_in(key, number)) for number in range(2)]
    np.testing.assert_allclose(metrics.values["noise"], np.mean(want), rtol=1e-6)


def test_the_average_follows_the_parameters_and_predicts():
    train_step, state = toy_training(averaged=True, average_decay=0.5)
    average = jax.tree.map(np.array, state.params)
    for step in range(12):
        state, _ = train_step(state, toy_batch(4, step), jax.random.key(1))
        kept = min(0.5, (1 + step) / (10 + step))
        average = jax.tree.map(lambda a, p, k=kept: k * a + (1 - k) * p, average, state.params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), state.average, average)
    assert state.variables["params"] is state.average
