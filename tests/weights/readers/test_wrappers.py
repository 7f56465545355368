"""What wrappers put into the names of a model is removed, and said."""

import numpy as np
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.wrappers import unwrap

NAMES = ("conv1.weight", "layer1.0.conv1.weight", "layer1.0.bn1.num_batches_tracked")
COUNTER = np.array(3)


def state(*names):
    return {name: np.full(2, float(i)) for i, name in enumerate(names)}


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        "module.{}",
        "module.module.{}",
        "_orig_mod.{}",
        "_orig_mod.module.{}",
        "module._orig_mod.{}",
        "module._orig_mod.module._orig_mod.{}",
        "_fsdp_wrapped_module.{}",
        "_forward_module.module.{}",
    ],
)
def test_prefixes_of_wrappers_are_removed_in_any_order(wrapped):
    got = unwrap(state(*(wrapped.format(name) for name in NAMES)))
    assert list(got.arrays) == list(NAMES)
    assert [x[0] for x in got.arrays.values()] == [0, 1, 2]
    assert bool(got.notes) == (wrapped != "{}")
    assert all(note.startswith("removed: ") and "3 names" in note for note in got.notes)


@pytest.mark.parametrize(
    "part", ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]
)
def test_wrappers_of_parts_are_removed_from_within_names(part):
    got = unwrap(state("conv1.weight", f"layer1.{part}.0.{part}.conv1.weight", f"fc.{part}.bias"))
    assert list(got.arrays) == ["conv1.weight", "layer1.0.conv1.weight", "fc.bias"]
    assert len(got.notes) == 1 and f"{part}. in 2 names" in got.notes[0]


@pytest.mark.parametrize("counter", ["n_averaged", "steps"])
def test_the_counter_of_an_averaged_model_is_left_out_by_name(counter):
    wrapped = {counter: COUNTER} | state(*(f"module.module.{name}" for name in NAMES))
    got = unwrap(wrapped)
    assert list(got.arrays) == list(NAMES)
    assert f"left out: {counter} (of an averaged model)" in got.notes


@pytest.mark.parametrize(
    "names",
    [("module.a", "b"), ("n_averaged", "a"), ("n_averaged",), ("modules.a", "modules.b"), ()],
)
def test_other_names_stay_as_they_are(names):
    got = unwrap({name: COUNTER for name in names})
    assert list(got.arrays) == list(names) and not got.notes


def test_a_tensor_named_like_a_counter_is_no_counter():
    got = unwrap({"module.a": COUNTER, "steps": np.zeros((3, 3))})
    assert set(got.arrays) == {"module.a", "steps"} and not got.notes


def test_the_averages_of_mmcv_are_left_out_if_their_tensors_are_there():
    averages = {"ema_conv1_weight": np.full(2, 9.0), "ema_layer1_0_conv1_weight": np.full(2, 9.0)}
    others = {"ema_other_weight": np.zeros(2), "ema_conv1": np.zeros(2)}
    got = unwrap(state(*NAMES) | averages | others)
    assert set(got.arrays) == set(NAMES) | set(others)
    assert got.notes == ("left out: 2 ema_* (averages of mmcv's EMA hook)",)
    parallel = {f"module.{n}": x for n, x in (state(*NAMES) | averages).items()}
    assert set(unwrap(parallel).arrays) == set(NAMES)


def test_a_name_inside_and_outside_of_a_wrapper_is_bad_input():
    with pytest.raises(InputError, match="a: stands there twice"):
        unwrap(state("_orig_mod.a", "a"))
