"""What every system promises in training, whatever it is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.poison import poison_instances
from models.tiny import frame_pairs
from models.tiny_systems import SYSTEMS, TRAINED
from models.total_loss import assert_every_part_learns, total_loss

from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys


@pytest.fixture(params=TRAINED, scope="module")
def name(request):
    """Of one system after the other, so that one worker compiles it for all of its tests."""
    return request.param


@pytest.fixture
def model(name):
    """A system and its variables."""
    return SYSTEMS[name].build()


def test_every_loss_is_finite_and_every_part_receives_a_gradient(name, model):
    (total, (losses, _)), gradient = total_loss(*model, frame_pairs())
    assert set(losses) == SYSTEMS[name].losses and all(x > 0 for x in losses.values())
    assert np.isfinite(total)
    assert_every_part_learns(gradient, SYSTEMS[name].parts)


def test_what_stands_in_invalid_instance_slots_changes_no_loss_and_no_gradient(model):
    batch = frame_pairs()
    clean = total_loss(*model, batch)
    poisoned = total_loss(*model, poison_instances(batch))
    jax.tree.map(np.testing.assert_array_equal, clean, poisoned)


def test_a_frame_without_objects_trains_the_background_only(name, model):
    batch = frame_pairs()
    empty = jnp.zeros_like(batch.instances.valid)
    batch = batch.replace(instances=batch.instances.replace(valid=empty))
    (_, (losses, _)), gradient = total_loss(*model, batch)
    assert {loss for loss, value in losses.items() if value != 0} == SYSTEMS[name].background_losses
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((losses, gradient)))


@pytest.mark.slow
def test_losses_and_metrics_of_parts_add_up_to_those_of_the_batch(model):
    system, variables = model
    batch, key = frame_pairs(num_pairs=4), jax.random.key(3)
    valid = np.array(batch.instances.valid)
    valid[0, 0, 1:] = False  # so that the parts have different numbers of objects
    batch = batch.replace(instances=batch.instances.replace(valid=jnp.asarray(valid)))

    def losses(rows):
        own = jax.tree.map(lambda x: x[rows], batch)
        return system.apply(variables, own, RowKeys(key, rows), method="losses")

    losses = jax.jit(losses)
    whole = losses(jnp.arange(4))
    first, second = losses(jnp.arange(2)), losses(jnp.arange(2, 4))
    is_mean = {"is_leaf": lambda x: isinstance(x, Mean)}
    together = jax.tree.map(lambda a, b: (a + b).value, first, second, **is_mean)
    values = jax.tree.map(lambda mean: mean.value, whole, **is_mean)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), together, values)
    assert all(first[0][loss].value != second[0][loss].value for loss in whole[0])
