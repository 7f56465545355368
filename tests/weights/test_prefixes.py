"""What a training program puts before the names of its model."""

import numpy as np
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.prefixes import remove_prefix
from ovis_jax.weights.rules import NameMap, Rule

NAMES = ("backbone.conv1.weight", "backbone.bn1.bias", "head.fc.weight", "head.fc.bias")
RULES = {name: Rule(f"params/{i}") for i, name in enumerate(NAMES)}
MAP = NameMap(RULES, unused=("*.num_batches_tracked",), renames=((r"^head\.0\.", "head.fc."),))


def state(*names):
    return {name: np.full(2, float(i)) for i, name in enumerate(names)}


def before(prefix, *names):
    return state(*(prefix + name for name in names or NAMES))


@pytest.mark.parametrize("prefix", ["model.", "net.", "detector.model.", "model.module.", "m_1."])
def test_a_prefix_that_all_names_share_is_removed_and_said(prefix):
    names = (*NAMES[:2], "head.0.weight", "head.0.bias", "backbone.bn1.num_batches_tracked")
    got = remove_prefix(before(prefix, *names), MAP, "file")
    assert tuple(got.arrays) == names
    assert got.notes == (f"removed: {prefix} before 5 names",)


def test_names_without_a_prefix_stay_whatever_stands_beside_them():
    for names in (NAMES, (*NAMES, "model.backbone.conv1.weight"), ("other.weight",), ()):
        got = remove_prefix(state(*names), MAP, "file")
        assert tuple(got.arrays) == names and not got.notes


def test_names_beside_the_model_need_a_choice():
    more = before("model.") | {"criterion.weight": np.zeros(3), "metric.total": np.zeros(())}
    with pytest.raises(InputError) as error:
        remove_prefix(more, MAP, "file")
    assert str(error.value) == (
        "file: 4 names begin with 'model.', 2 do not: criterion.weight, metric.total; "
        "--prefix=model. leaves those out"
    )
    for prefix in ("model.", "model"):
        got = remove_prefix(more, MAP, "file", prefix)
        assert set(got.arrays) == set(NAMES)
        assert got.notes[1] == (
            "left out: 2 tensors without model. (criterion.weight, metric.total)"
        )


def test_two_models_in_one_file_need_a_choice():
    with pytest.raises(InputError, match="--prefix=student. or --prefix=teacher. leaves"):
        remove_prefix(before("student.") | before("teacher."), MAP, "file")


def test_the_counter_of_an_average_below_a_prefix_is_left_out():
    more = before("model.module.") | {"model.n_averaged": np.array(2)}
    got = remove_prefix(more, MAP, "file")
    assert set(got.arrays) == set(NAMES)
    assert got.notes[1] == "left out: model.n_averaged (of an averaged model)"


def test_a_prefix_that_no_name_has_is_bad_input():
    with pytest.raises(InputError, match="no name begins with 'net.': backbone.conv1.weight, "):
        remove_prefix(state(*NAMES), MAP, "file", "net.")
