"""What `config.model` promises of a whole system: devices, precision and memory."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from models.tiny import frame_pairs, tiny_config
from models.tiny_systems import SYSTEMS, TRAINED
from models.total_loss import total_loss

from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model, build_system, init_variables, variable_shapes
from ovis_jax.ops.platforms import traced_for
from ovis_jax.ops.row_keys import RowKeys

ACCELERATORS = {"gpu": "cuda", "tpu": "tpu"}  # what lowering calls them
# Each operation with a way of its own on GPUs is in one of these; others take minutes altogether.
GPU_OPERATIONS = ("mask_track_rcnn", "sipmask", "idol", "trades")
LOWERED = [(name, "tpu") for name in TRAINED] + [
    pytest.param(name, "gpu", marks=() if name in GPU_OPERATIONS else pytest.mark.exhaustive)
    for name in TRAINED
]
# All tests of one system in a row, so that one worker traces and compiles it for all of them.
every_system = pytest.mark.parametrize("name", TRAINED, scope="module")


def system_of(name, **model):
    config = SYSTEMS[name].config().copy_and_resolve_references()
    config.unlock()
    config.model.update(model)
    return build_system(config)


def sum_of_losses(system, variables, key):
    keys = RowKeys.of(key, 2)
    losses, _ = system.apply(variables, frame_pairs(), keys, method="losses")
    return sum(loss.value for loss in losses.values())


@functools.cache
def losses_and_gradients(name, undisturbed=False, **model):
    """Losses, gradients; of the program that the tests of training use if nothing is changed."""
    system = system_of(name, **(SYSTEMS[name].undisturbed if undisturbed else {}), **model)
    variables = init_variables(system, jax.random.key(0))
    (_, (losses, _)), gradients = total_loss(system, variables, frame_pairs())
    return losses, gradients


def assert_same_up_to_rounding(actual, expected):
    """Differences are small beside the largest number, or those of a gradient that is zero.

    A bias that a norm or a softmax takes away again has a gradient of rounding alone.
    """
    margin = 1e-5 * np.abs(expected).max() + 1e-6
    np.testing.assert_allclose(actual, expected, rtol=0, atol=margin)


@functools.cache
def kept_bytes(name, **model):
    """Bytes that the forward pass leaves for the backward pass, without those of parameters."""
    system = system_of(name, **model)
    variables = variable_shapes(system)
    backward = jax.eval_shape(
        lambda v: jax.vjp(lambda w: sum_of_losses(system, w, jax.random.key(1)), v)[1], variables
    )
    kept, own = (
        sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))
        for tree in (backward, variables)
    )
    return kept - own


@pytest.mark.parametrize(("name", "kind"), LOWERED)
def test_training_lowers_for_accelerators_in_their_own_way(name, kind):
    system = system_of(name, dtype="bfloat16")
    variables = variable_shapes(system)
    gradient = jax.jit(jax.grad(functools.partial(sum_of_losses, system)))
    with traced_for(kind):
        exported = jax.export.export(gradient, platforms=[ACCELERATORS[kind]])
        assert exported(variables, jax.random.key(1)).platforms == (ACCELERATORS[kind],)


@pytest.mark.exhaustive
@every_system
def test_rematerialisation_gives_the_same_loss_and_gradients(name):
    (losses, gradients), (again, others) = (
        losses_and_gradients(name),
        losses_and_gradients(name, rematerialise=True),
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), again, losses)
    jax.tree.map(assert_same_up_to_rounding, others, gradients)


@every_system
def test_rematerialisation_keeps_less_for_the_backward_pass(name):
    assert kept_bytes(name, rematerialise=True) < 0.6 * kept_bytes(name)


@pytest.mark.exhaustive
@every_system
def test_in_bfloat16_parameters_and_gradients_stay_float32_and_point_the_same_way(name):
    changed = bool(SYSTEMS[name].undisturbed)
    (losses, gradients), (rough, others) = (
        losses_and_gradients(name, changed),
        losses_and_gradients(name, changed, dtype="bfloat16"),
    )
    assert {x.dtype for x in jax.tree.leaves(others)} == {jnp.dtype("float32")}
    smooth = set(losses) - SYSTEMS[name].jumps
    np.testing.assert_allclose(
        sum(rough[loss] for loss in smooth), sum(losses[loss] for loss in smooth), rtol=0.02
    )
    flat = [np.concatenate([np.ravel(x) for x in jax.tree.leaves(g)]) for g in (gradients, others)]
    cosine = flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1])
    assert cosine > SYSTEMS[name].bfloat16_cosine


@every_system
def test_bfloat16_keeps_half_of_the_activations(name):
    assert kept_bytes(name, dtype="bfloat16") < 0.8 * kept_bytes(name)


@pytest.mark.parametrize(
    ("part", "values", "reason"),
    [
        ("", {"system": "yolo"}, "'yolo'; expected 'mask_track_rcnn' or 'sipmask'"),
        ("", {"linker": "kalman"}, "'kalman'; expected one of .'cues', 'iou', 'similarity'"),
        ("tracker", {"iou_wieght": 2.0}, "iou_wieght"),
        ("", {"linker": "long_cues", "tracker": {"classes": "best"}}, "'best'; expected one of"),
    ],
)
def test_a_name_that_nothing_has_is_bad_input(part, values, reason):
    config = tiny_config().copy_and_resolve_references()
    config.unlock()
    (config.model[part] if part else config.model).update(values)
    with pytest.raises(InputError, match=f"config.model: .*{reason}"):
        build_model(config)


def test_means_of_classes_are_refused_where_a_system_does_not_give_them():
    config = SYSTEMS["sipmask"].config().copy_and_resolve_references()
    config.unlock()
    config.model.update(linker="long_cues", tracker={"classes": "mean"})
    with pytest.raises(InputError, match="sipmask does not give them, only mask_track_rcnn does"):
        build_model(config)


@pytest.mark.parametrize(
    ("name", "taken"), [("sipmask", True), ("crossvis", False), ("trades", False)]
)
def test_boxes_whose_corners_mean_something_else_are_refused(name, taken):
    config = SYSTEMS[name].config().copy_and_resolve_references()
    config.unlock()
    config.data.inclusive_boxes = not taken
    with pytest.raises(InputError, match=f"inclusive_boxes: {not taken}, expected {taken} for"):
        build_model(config)
