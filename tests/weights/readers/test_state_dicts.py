"""The state dict of a checkpoint is found by its name, or chosen."""

import argparse
import pickle

import numpy as np
import pytest
from weights.readers.weight_data import assert_bad_input

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.files import read_state_dict, read_weights

WEIGHTS = {"w": np.float32([1, 2])}
OTHERS = {"w": np.float32([3, 4])}
OPTIMIZER = {"state": {0: {"step": 1, "exp_avg": np.zeros(2)}}, "param_groups": [{"lr": 0.1}]}


def written(path, tree):
    path.write_bytes(pickle.dumps(tree))
    return path


@pytest.mark.parametrize(
    "entry",
    [
        "state_dict",
        "model",
        "model_state_dict",
        "model_state",
        "net",
        "network",
        "module",
        "weights",
        "params",
        "model_ema",
        "ema_state_dict",
        "state_dict_ema",
        "params_ema",
        "ema",
    ],
)
def test_the_names_that_training_programs_use_are_known(entry, tmp_path):
    for beside in ({}, {"optimizer": OPTIMIZER, "epoch": 3}, {"rng_state": np.zeros(5, np.uint8)}):
        read = read_weights(written(tmp_path / "x", beside | {entry: WEIGHTS}))
        np.testing.assert_array_equal(read.arrays["w"], [1, 2])
        assert not read.notes


@pytest.mark.parametrize(
    ("tree", "note"),
    [
        (
            {"model": WEIGHTS, "model_ema": OTHERS},
            "read: model (also there: model_ema; --entry chooses)",
        ),
        (
            {"ema_state_dict": OTHERS, "state_dict": WEIGHTS},
            "read: state_dict (also there: ema_state_dict; --entry chooses)",
        ),
        (
            {"state_dict_ema": OTHERS, "model": {"state_dict": WEIGHTS, "ema": OTHERS}},
            "read: model/state_dict (also there: state_dict_ema, model/ema; --entry chooses)",
        ),
    ],
)
def test_what_could_have_been_read_instead_is_said_and_can_be_chosen(tree, note, tmp_path):
    path = written(tmp_path / "x", tree)
    read = read_weights(path)
    np.testing.assert_array_equal(read.arrays["w"], [1, 2])
    assert read.notes == (note,)
    entry = note.split("also there: ")[1].split(";")[0].split(", ")[-1]
    chosen = read_weights(path, entry)
    np.testing.assert_array_equal(chosen.arrays["w"], [3, 4])
    assert not chosen.notes


def test_settings_and_models_under_the_name_of_an_entry_are_passed_over(tmp_path):
    for other in ({"lr": 0.1}, "resnet50", argparse.Namespace(), None, 3, {}):
        tree = {"state_dict": other, "model": other, "params": other, "net": WEIGHTS}
        np.testing.assert_array_equal(read_state_dict(written(tmp_path / "x", tree))["w"], [1, 2])


def test_a_tensor_may_have_the_name_of_an_entry(tmp_path):
    got = read_state_dict(written(tmp_path / "x", {"weights": WEIGHTS["w"], "model": OTHERS["w"]}))
    assert set(got) == {"weights", "model"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("nothing", "no entry 'nothing', expected one of 'teacher', 'args'"),
        ("teacher/model", "no entry 'teacher/model', expected one of 'w'"),
        ("args", "args: expected a state dict, found an object that needs 'argparse.Namespace'"),
        ("args/lr", "no entry 'args/lr', expected one of none"),
    ],
)
def test_an_entry_that_is_no_state_dict_is_bad_input(entry, message, tmp_path):
    path = written(tmp_path / "x", {"teacher": OTHERS, "args": argparse.Namespace(lr=1)})
    with pytest.raises(InputError, match=message):
        read_state_dict(path, entry)
    assert_bad_input(path, "teacher: expected a tensor, .*--entry=teacher reads the tensors in it")
    np.testing.assert_array_equal(read_state_dict(path, "teacher")["w"], [3, 4])


def test_entries_within_themselves_are_bad_input(tmp_path):
    tree = {"w": WEIGHTS["w"]}
    tree["model"] = tree
    assert_bad_input(written(tmp_path / "x", tree), "entries within entries")
    empty = {}
    empty |= dict.fromkeys(("model", "net", "state_dict", "params", "ema", "module"), empty)
    assert_bad_input(written(tmp_path / "x", empty), "entries within entries")
