"""CMaskTrack R-CNN that learns occlusion levels, and uses them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from models import tiny
from models.detections import random_frames
from models.poison import poison_instances
from models.total_loss import total_loss

from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model, build_system, init_variables
from ovis_jax.models.mask_groups import repeated_rois
from ovis_jax.models.references import window_references
from ovis_jax.ops.boxes import corner_factors

LEVELS = jnp.array([0, 1, 2, -1, -1])


def config(**occlusion):
    own = tiny.tiny_config().unlock()
    own.model.occlusion.update(level_channels=32, **{"level_loss": 1.0, **occlusion})
    return own


@functools.cache
def levels_system(scores=(1.0, 1.0, 1.0), references=0.0):
    system = build_system(config(level_scores=scores, level_references=references))
    return system, init_variables(system, jax.random.key(0))


def labelled_pairs():
    batch = tiny.frame_pairs()
    levels = jnp.broadcast_to(LEVELS, batch.instances.labels.shape)
    return batch.replace(instances=batch.instances.replace(occlusion=levels))


def detections(system, variables, valid=(True,) * 5):
    around = tiny.window(system, variables, random_frames(5), list(valid))
    return around, jax.jit(functools.partial(system.apply, method="detect"))(variables, around)


def test_training_learns_the_levels():
    system, variables = levels_system()
    batch, optimizer = labelled_pairs(), optax.adam(2e-3)
    params = {"occlusion_level": variables["params"]["occlusion_level"]}
    state, history = optimizer.init(params), []
    update = jax.jit(optimizer.update)
    for _ in range(30):
        trained = {**variables, "params": variables["params"] | params}
        (_, (losses, metrics)), gradient = total_loss(system, trained, batch)
        history.append(float(losses["occlusion_level"]))
        updates, state = update({part: gradient["params"][part] for part in params}, state)
        params = jax.jit(optax.apply_updates)(params, updates)
    assert history[-1] < 0.2 * history[0]
    assert metrics["occlusion_accuracy_severe"] == 1


def test_what_stands_in_invalid_instance_slots_changes_no_loss_and_no_gradient():
    system, variables = levels_system()
    clean = total_loss(system, variables, labelled_pairs())
    poisoned = total_loss(system, variables, poison_instances(labelled_pairs()))
    jax.tree.map(np.testing.assert_array_equal, clean, poisoned)
    head = clean[1]["params"]["occlusion_level"]
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(head))


def test_learning_levels_changes_no_detection():
    system, variables = levels_system()
    plain = build_system(tiny.tiny_config())
    params = {k: v for k, v in variables["params"].items() if k != "occlusion_level"}
    _, got = detections(system, variables)
    _, want = detections(plain, {**variables, "params": params})
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_scores_follow_the_levels_of_the_detections():
    system, variables = levels_system(scores=(1.0, 0.6, 0.2))
    _, plain = detections(*levels_system())
    around, found = detections(system, variables)
    boxes = jnp.where(plain.valid[:, None], plain.boxes * corner_factors(around.scale), 0)
    query = [x[2:3] for x in around.features]
    logits = system.apply(variables, query, boxes[None], method="occlusion_levels")[0]
    want = plain.scores * (jax.nn.softmax(logits) @ jnp.array([1.0, 0.6, 0.2]))
    np.testing.assert_allclose(found.scores[plain.valid], want[plain.valid], rtol=1e-4)
    np.testing.assert_array_equal(found.boxes[plain.valid], plain.boxes[plain.valid])


def test_references_in_which_objects_are_hidden_weigh_less():
    system, variables = levels_system(references=3.0)
    around, found = detections(system, variables, (True, True, True, True, False))
    _, plain = detections(*levels_system(), (True, True, True, True, False))
    assert found.valid.any() and np.isfinite(found.scores[found.valid]).all()
    assert np.abs(found.mask_logits - plain.mask_logits).max() > 0

    def by_hand(system, around):
        """Class logits of the proposals, averaged reference by reference."""
        levels = around.replace(features=around.features[:4])
        references, weights = window_references(levels, 2)
        calibrated, _ = system.calibrate_window(around)
        proposals = system.propose([x[2:3] for x in around.features], around.image_size[None])
        rois = jnp.where(proposals.valid[0][:, None], proposals.boxes[0], 0)
        logits, _ = system.classify(calibrated, repeated_rois(rois, weights))
        hidden = system.occlusion_levels(references, repeated_rois(rois, weights))
        shares = jnp.exp(-3.0 * (jax.nn.softmax(hidden) @ jnp.array([0, 0.5, 1])))
        shares = shares * jnp.array([1, 1, 1, 0])[:, None]
        mean = jnp.sum(jnp.nan_to_num(logits) * shares[..., None], 0) / shares.sum(0)[:, None]
        return jax.nn.softmax(mean)

    probs = jax.jit(functools.partial(system.apply, method=by_hand))(variables, around)
    best = np.sort(np.array(probs)[:, 1:].max(axis=-1))[-1]
    assert found.scores.max() == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize(
    ("occlusion", "message"),
    [
        (dict(level_loss=0.0, level_scores=(1.0, 1.0, 0.5)), "need the head of level_loss"),
        (dict(level_loss=0.0, level_references=1.0), "need the head of level_loss"),
        (dict(level_scores=(1.0, 0.5)), "expected 3 factors"),
        (dict(level_scores=(1.0, 0.5, -1.0)), "expected 3 factors"),
    ],
)
def test_settings_that_make_no_sense_are_an_input_error(occlusion, message):
    with pytest.raises(InputError, match=message):
        build_model(config(**occlusion))


def test_references_need_a_calibration():
    own = tiny.tiny_config(calibrated=False, reference_window=0).unlock()
    own.model.occlusion.update(level_loss=1.0, level_references=1.0)
    with pytest.raises(InputError, match="needs a calibration"):
        build_model(own)
