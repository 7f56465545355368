"""Every tensor is used or named as unused, every variable filled or named as new."""

import ml_dtypes
import numpy as np
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.layouts import convolution, linear
from ovis_jax.weights.rules import (
    NameMap,
    Rule,
    apply_rules,
    convert_state,
    to_state_dict,
)
from ovis_jax.weights.splits import Split

RULES = {
    "conv.weight": Rule("params/stem/kernel", convolution),
    "conv.bias": Rule("params/stem/bias"),
    "bn.running_mean": Rule("batch_stats/stem/mean"),
}
TEMPLATE = {
    "params": {"stem": {"kernel": np.zeros((2, 2, 3, 4)), "bias": np.zeros(4)}},
    "batch_stats": {"stem": {"mean": np.zeros(4)}},
}


def state(**changes):
    rng = np.random.default_rng(0)
    tensors = {
        "conv.weight": rng.normal(size=(4, 3, 2, 2)),
        "conv.bias": rng.normal(size=4),
        "bn.running_mean": rng.normal(size=4),
    }
    tensors |= {name.replace("_in_", "."): value for name, value in changes.items()}
    return {name: value for name, value in tensors.items() if value is not None}


def with_head(variables):
    head = {"kernel": np.full((4, 2), 7.0), "bias": np.full(2, 8.0)}
    return variables | {"params": variables["params"] | {"head": head}}


def test_a_strict_import_fills_everything_in_float32():
    variables = apply_rules(state(), RULES, TEMPLATE, "file")
    kernel = variables["params"]["stem"]["kernel"]
    assert kernel.shape == (2, 2, 3, 4) and kernel.dtype == np.float32
    np.testing.assert_allclose(kernel[1, 0, 2, 3], state()["conv.weight"][3, 2, 1, 0], rtol=1e-6)
    back = to_state_dict(variables, RULES)
    for name, value in state().items():
        np.testing.assert_allclose(back[name], value, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fc_in_weight": np.zeros((9, 4))}, r"file: fc.weight: unknown tensor of shape \(9, 4\)"),
        ({"conv_in_bias": None}, "file: conv.bias: is missing, expected for params/stem/bias"),
        (
            {"conv_in_bias": np.zeros(5)},
            r"file: conv.bias: shape \(5,\), expected \(4,\) for params/stem/bias \(4,\)",
        ),
        (
            {"conv_in_weight": np.zeros((4, 3, 3, 3))},
            r"conv.weight: shape \(4, 3, 3, 3\), expected \(4, 3, 2, 2\) for params/stem/kernel "
            r"\(2, 2, 3, 4\)",
        ),
        ({"conv_in_weight": np.zeros((2, 2, 3, 4))}, r"conv.weight: shape \(2, 2, 3, 4\)"),
        ({"conv_in_weight": np.zeros(48)}, r"conv.weight: shape \(48,\)"),
        ({"conv_in_bias": np.zeros(())}, r"conv.bias: shape \(\)"),
    ],
)
def test_what_does_not_fit_is_named_with_both_shapes(changes, message):
    with pytest.raises(InputError, match=message) as error:
        apply_rules(state(**changes), RULES, TEMPLATE, "file")
    assert "\n" not in str(error.value)


def test_a_variable_that_nothing_fills_and_a_rule_without_a_variable_are_named():
    with pytest.raises(InputError, match=r"nothing fills params/head/bias \(2,\) of the model"):
        apply_rules(state(), RULES, with_head(TEMPLATE), "file")
    smaller = TEMPLATE | {"batch_stats": {}}
    with pytest.raises(InputError, match="the model has no batch_stats/stem/mean"):
        apply_rules(state(), RULES, smaller, "file")


def test_all_problems_are_reported_together():
    with pytest.raises(InputError) as error:
        apply_rules(state(conv_in_bias=None, a=np.zeros(1), b=np.zeros(1)), RULES, TEMPLATE, "file")
    assert len(str(error.value).splitlines()) == 3


def test_many_problems_of_a_kind_are_shortened():
    more = {f"x{i}": np.zeros(1) for i in range(50)}
    with pytest.raises(InputError) as error:
        apply_rules(state(conv_in_bias=None, **more), RULES, TEMPLATE, "file")
    lines = str(error.value).splitlines()
    assert lines[:4] == [
        *(f"file: x{i}: unknown tensor of shape (1,)" for i in (0, 1, 10)),
        "file: and 47 more unknown tensors",
    ]
    assert len(lines) == 5 and "conv.bias: is missing" in lines[4]


def test_unused_tensors_and_new_variables_are_listed():
    name_map = NameMap(RULES, unused=("*.counter", "fc.*"), fresh=("head", "absent"))
    more = {"bn_in_counter": np.zeros(()), "fc_in_weight": np.zeros(3), "fc_in_bias": np.zeros(1)}
    got = convert_state(state(**more), name_map, with_head(TEMPLATE), "file")
    assert got.unused == {"*.counter": ["bn.counter"], "fc.*": ["fc.bias", "fc.weight"]}
    assert got.fresh == {"head": ["params/head/bias", "params/head/kernel"]}
    assert set(got.values) == {rule.target for rule in RULES.values()}
    complete = got.complete(with_head(TEMPLATE))
    assert (complete["params"]["head"]["kernel"] == 7).all()
    np.testing.assert_allclose(complete["params"]["stem"]["bias"], state()["conv.bias"], rtol=1e-6)


def test_a_part_is_not_new_because_its_name_begins_like_a_new_one():
    with pytest.raises(InputError, match="nothing fills params/head/bias"):
        convert_state(state(), NameMap(RULES, fresh=("hea",)), with_head(TEMPLATE), "file")


def test_other_spellings_are_renamed_but_not_onto_one_another():
    name_map = NameMap(RULES, renames=((r"^conv\.0\.", "conv."),))
    spelled = state(conv_in_bias=None) | {"conv.0.bias": np.ones(4)}
    assert (convert_state(spelled, name_map, TEMPLATE, "x").values["params/stem/bias"] == 1).all()
    with pytest.raises(InputError, match="conv.bias: stands there twice"):
        convert_state(spelled | state(), name_map, TEMPLATE, "file")


def test_a_tensor_may_hold_those_of_several_names():
    rules = {"one.w": Rule("params/a"), "other.w": Rule("params/b")}
    name_map = NameMap(rules, splits=(Split(r"^both\.", ("one.", "other.")),))
    template = {"params": {"a": np.zeros((2, 3)), "b": np.zeros((2, 3))}}
    whole = np.arange(12.0).reshape(4, 3)
    got = convert_state({"both.w": whole}, name_map, template, "file").values
    np.testing.assert_array_equal(got["params/a"], whole[:2])
    np.testing.assert_array_equal(got["params/b"], whole[2:])
    with pytest.raises(InputError, match=r"both.w: shape \(3, 3\), expected 2 equal parts"):
        convert_state({"both.w": whole[:3]}, name_map, template, "file")


def test_parts_may_be_of_any_size_along_any_axis():
    rules = {"w/many": Rule("params/a"), "w/few": Rule("params/b")}
    split = Split(r"^w$", ("w/many", "w/few"), axis=1, sizes=(-1, 2))
    template = {"params": {"a": np.zeros((3, 4)), "b": np.zeros((3, 2))}}
    whole = np.arange(18.0).reshape(3, 6)
    name_map = NameMap(rules, splits=(split,))
    got = convert_state({"w": whole}, name_map, template, "file").values
    np.testing.assert_array_equal(got["params/a"], whole[:, :4])
    np.testing.assert_array_equal(got["params/b"], whole[:, 4:])
    for wrong in (whole[:, :1], whole[0]):
        with pytest.raises(InputError, match=r"w: shape .*, expected parts of sizes any, 2 along"):
            convert_state({"w": wrong}, name_map, template, "file")


def test_half_precision_is_widened():
    half = np.array([0.5, 1, 2, 3], ml_dtypes.bfloat16)
    got = apply_rules(state(conv_in_bias=half), RULES, TEMPLATE, "file")["params"]["stem"]["bias"]
    np.testing.assert_array_equal(got, np.float32([0.5, 1, 2, 3]), strict=True)


def test_a_rule_converts_from_pytorch_to_here():
    assert Rule("x", linear).convert(np.zeros((2, 5))).shape == (5, 2)
