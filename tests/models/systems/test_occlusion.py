"""MaskTrack R-CNN with everything that is added for occluded objects."""

import functools

import jax
import numpy as np
import optax
from models import tiny
from models.poison import poison_instances
from models.total_loss import total_loss

from ovis_jax.models.build import build_system, init_variables

ADDED = {"repulsion_others", "repulsion_pairs", "aggregation", "occluder"}


@functools.cache
def occlusion_system():
    config = tiny.tiny_config(calibrated=False, reference_window=0).unlock()
    # So that they outweigh the box loss, which pulls boxes onto objects that overlap.
    config.model.occlusion.update(occluder=True, repulsion=5.0, aggregation=2.0)
    system = build_system(config)
    return system, init_variables(system, jax.random.key(0))


def test_training_lowers_each_of_the_losses():
    system, variables = occlusion_system()
    batch = tiny.frame_pairs()
    optimizer = optax.adam(2e-3)
    # Of other parts the RoIs would change, and with them what the losses are about.
    params, history = {part: variables["params"][part] for part in ("box", "occluder")}, []
    state = optimizer.init(params)
    update = jax.jit(optimizer.update)
    for _ in range(28):
        trained = {**variables, "params": variables["params"] | params}
        (_, (losses, _)), gradient = total_loss(system, trained, batch)
        history.append({name: float(losses[name]) for name in ADDED})
        updates, state = update({part: gradient["params"][part] for part in params}, state)
        params = jax.jit(optax.apply_updates)(params, updates)
    for name in ADDED:
        last = np.mean([step[name] for step in history[-4:]])
        assert 0 < last < 0.9 * history[0][name], (name, history)


def test_what_stands_in_invalid_instance_slots_changes_no_loss_and_no_gradient():
    system, variables = occlusion_system()
    batch = tiny.frame_pairs()
    clean = total_loss(system, variables, batch)
    poisoned = total_loss(system, variables, poison_instances(batch))
    jax.tree.map(np.testing.assert_array_equal, clean, poisoned)
    assert ADDED <= set(clean[0][1][0])
    occluder = clean[1]["params"]["occluder"]
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(occluder["conv0"]))


def test_the_branch_is_read_in_prediction():
    system, variables = occlusion_system()
    frames = jax.random.randint(jax.random.key(1), (1, 64, 96, 3), 0, 256).astype("uint8")
    window = tiny.window(system, variables, frames, [True])
    detect = jax.jit(functools.partial(system.apply, method="detect"))
    moved = jax.tree.map(lambda x: x + 0.1, variables["params"]["occluder"])
    other = {**variables, "params": variables["params"] | {"occluder": moved}}
    a, b = detect(variables, window), detect(other, window)
    np.testing.assert_array_equal(a.boxes, b.boxes)
    assert a.valid.any() and np.abs(a.mask_logits - b.mask_logits).max() > 1e-3
