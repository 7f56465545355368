"""Files of torch.save: those that PyTorch wrote, cut, damaged and hostile ones."""

import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from weights.readers.handmade_pickles import (
    archive,
    archive_of,
    call,
    name,
    storage,
    stream,
    tensor,
    value,
)
from weights.readers.weight_data import (
    assert_bad_input,
)

from ovis_jax.weights.readers.files import read_state_dict

WRITERS = (archive, stream)


NUMBERS = np.arange(4, dtype="<f4").tobytes()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((5,), (1,), 0),
        ((4,), (1,), 1),
        ((2, 2), (3, 1), 0),
        ((1,), (1,), 4),
        ((), (), 4),
        ((2,), (-1,), 1),
        ((-2,), (1,), 0),
        ((2,), (1,), -1),
        ((2,), (2**62,), 0),
        ((2**40, 2**40), (1, 1), 0),
        ((2**61, 2**61), (0, 0), 0),
        ((0, 2**61, 2**61), (1, 1, 1), 0),
        ((2, 2), (1,), 0),
        ((1,) * 33, (1,) * 33, 0),
        ((2.0,), (1,), 0),
        ((True,), (1,), 0),
        ("ab", "ab", 0),
        (None, None, None),
        (10**30, 1, 0),
    ],
)
def test_a_view_that_leaves_its_storage_is_bad_input(write, size, stride, offset, tmp_path):
    assert_bad_input(write(tmp_path / "x", tensor(size, stride, offset)))


def test_a_view_that_is_too_long_is_named_with_its_storage(tmp_path):
    line = assert_bad_input(archive(tmp_path / "x", tensor((2, 2), (3, 1), 0)))
    assert "weight: a tensor of size (2, 2), strides (3, 1) and offset 0" in line
    assert line.endswith("reaches number 4 of storage '0', which has 4")


@pytest.mark.parametrize(
    ("size", "stride", "offset", "want"),
    [
        ((2, 2), (2, 1), 0, [[0, 1], [2, 3]]),
        ((2, 2), (1, 2), 0, [[0, 2], [1, 3]]),
        ((2, 3), (0, 1), 1, [[1, 2, 3], [1, 2, 3]]),
        ((3, 2), (1, 1), 0, [[0, 1], [1, 2], [2, 3]]),
        ((1, 2), (2**61, 3), 0, [[0, 3]]),
        ((), (), 3, 3),
        ((0, 2), (2, 1), 9, np.zeros((0, 2))),
    ],
)
def test_views_follow_their_definition(size, stride, offset, want, tmp_path):
    opcodes = tensor(size, stride, offset)
    for path in (
        archive(tmp_path / "a", opcodes, {"0": NUMBERS}),
        stream(tmp_path / "s", opcodes, {"0": (4, NUMBERS)}),
    ):
        got = read_state_dict(path)["weight"]
        np.testing.assert_array_equal(got, np.float32(want), strict=True)


def test_the_call_of_early_versions_makes_a_tensor_too(tmp_path):
    parts = [storage("0", 4, "FloatStorage", None), value(1), value((3,)), value((1,))]
    opcodes = call(name("torch._utils", "_rebuild_tensor"), *parts)
    got = read_state_dict(stream(tmp_path / "x", opcodes, {"0": (4, NUMBERS)}))["weight"]
    np.testing.assert_array_equal(got, [1, 2, 3])


def test_bytes_of_a_bool_other_than_0_and_1_are_true(tmp_path):
    opcodes = tensor((4,), (1,), stored=storage("0", 4, "BoolStorage"))
    got = read_state_dict(archive(tmp_path / "x", opcodes, {"0": b"\x00\x01\x02\xff"}))["weight"]
    assert got.dtype == np.bool_ and got.view(np.uint8).tolist() == [0, 1, 1, 1]


ODD_NUMBERS = np.array([1, -2, 0, 4], "<f4")


def negative(size, stride, offset=0, metadata=None, kind="FloatStorage"):
    metadata = {"neg": True} if metadata is None else metadata
    return tensor(size, stride, offset, storage("0", 4, kind), value(metadata))


@pytest.mark.parametrize("write", WRITERS)
def test_the_negative_bit_changes_the_sign(write, tmp_path):
    stored = {"0": ODD_NUMBERS.tobytes()}
    if write is stream:
        stored = {"0": (4, stored["0"])}
    for metadata, sign in (
        ({"neg": True}, -1),
        ({"neg": False}, 1),
        ({"neg": True, "conj": True}, -1),
        ({"conj": True}, 1),
        ({}, 1),
    ):
        opcodes = negative((3,), (1,), 1, metadata)
        got = read_state_dict(write(tmp_path / "x", opcodes, stored))["weight"]
        np.testing.assert_array_equal(got, sign * ODD_NUMBERS[1:])
        assert not got.flags.writeable
    transposed = negative((2, 2), (1, 2))
    got = read_state_dict(write(tmp_path / "x", transposed, stored))["weight"]
    np.testing.assert_array_equal(got, -ODD_NUMBERS.reshape(2, 2).T)


def test_a_huge_view_of_negative_numbers_takes_no_memory(tmp_path):
    path = archive(tmp_path / "x", negative((2**30, 4), (0, 1)), {"0": ODD_NUMBERS.tobytes()})
    tracemalloc.start()
    try:
        assert read_state_dict(path)["weight"].shape == (2**30, 4)
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "metadata", [{"neg": 1}, {"neg": None}, {"scale": 2}, [("neg", True)], {0: True}]
)
def test_metadata_that_could_change_the_numbers_are_refused(metadata, tmp_path):
    path = archive(tmp_path / "x", negative((4,), (1,), 0, metadata))
    assert_bad_input(path, "weight: a tensor w")


def test_numbers_without_a_sign_have_no_negative_bit(tmp_path):
    path = archive(tmp_path / "x", negative((4,), (1,), kind="BoolStorage"), {"0": bytes(4)})
    assert_bad_input(path, "negative bit of bool")


def rebuilt(function, *more, module="torch._utils", inner=None):
    return call(name(module, function), inner or tensor((4,), (1,)), *more)


def from_type(new_type):
    function, arguments = name("torch._utils", "_rebuild_tensor_v2"), b"("
    arguments += storage() + b"".join(map(value, (0, (4,), (1,), False, None))) + b"t"
    parts = (function, name(*new_type), arguments, value({"tag": 1}))
    return call(name("torch._tensor", "_rebuild_from_type_v2"), *parts)


def from_numpy():
    array = np.frombuffer(NUMBERS, "<f4")
    more = (name("torch", "float32"), value("cpu"), value(False))
    return rebuilt("_rebuild_device_tensor_from_numpy", *more, inner=value(array))


@pytest.mark.parametrize(
    "opcodes",
    [
        rebuilt("_rebuild_parameter", value(True), value(None)),
        rebuilt("_rebuild_parameter_with_state", value(True), value(None), value({"tag": 1})),
        from_type(("torch", "Tensor")),
        from_type(("torch.nn.parameter", "Parameter")),
    ],
)
@pytest.mark.parametrize("write", WRITERS)
def test_parameters_and_tensors_with_attributes_are_their_numbers(write, opcodes, tmp_path):
    stored = {"0": NUMBERS if write is archive else (4, NUMBERS)}
    got = read_state_dict(write(tmp_path / "x", opcodes, stored))["weight"]
    np.testing.assert_array_equal(got, [0, 1, 2, 3])


def test_a_tensor_of_another_device_is_its_array(tmp_path):
    got = read_state_dict(archive(tmp_path / "x", from_numpy(), {}))["weight"]
    np.testing.assert_array_equal(got, [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("kind", "data", "want"),
    [
        ("uint16", np.array([1, 65535], "<u2"), [1, 65535]),
        ("float8_e4m3fn", np.array([1, -2.5], ml_dtypes.float8_e4m3fn), [1, -2.5]),
        ("float8_e5m2", np.array([1, -2.5], ml_dtypes.float8_e5m2), [1, -2.5]),
    ],
)
def test_types_without_a_storage_of_their_own(kind, data, want, tmp_path):
    stored = storage("0", data.nbytes, "storage.UntypedStorage")
    stored = stored.replace(b"ctorch\nstorage.Untyped", b"ctorch.storage\nUntyped")
    parts = [stored, *map(value, (0, (2,), (1,), False, None)), name("torch", kind)]
    opcodes = call(name("torch._utils", "_rebuild_tensor_v3"), *parts)
    got = read_state_dict(archive(tmp_path / "x", opcodes, {"0": data.tobytes()}))["weight"]
    np.testing.assert_array_equal(got.astype(np.float32), np.float32(want))


@pytest.mark.parametrize(
    ("opcodes", "message"),
    [
        (rebuilt("_rebuild_sparse_tensor", value(())), "_rebuild_sparse_tensor"),
        (rebuilt("_rebuild_qtensor", value(())), "_rebuild_qtensor"),
        (rebuilt("_rebuild_nested_tensor"), "_rebuild_nested_tensor"),
        (rebuilt("_rebuild_tensor_v2"), "_rebuild_tensor_v2"),
        (from_type(("somewhere", "ScaledTensor")), "somewhere.ScaledTensor"),
        (tensor((4,), (1,), 0, storage("0", 4, "ComplexFloatStorage")), "ComplexFloatStorage"),
        (tensor((4,), (1,), 0, storage("0", 4, "QInt8Storage")), "QInt8Storage"),
        (tensor((4,), (1,), 0, storage("0", 4, "NewStorage")), "NewStorage"),
    ],
)
def test_tensors_that_are_more_than_real_numbers_are_refused_only_among_the_weights(
    opcodes, message, tmp_path
):
    assert_bad_input(archive(tmp_path / "x", opcodes), f"weight: .*{message}")
    opcodes = opcodes.replace(value("0"), value("1"))
    got = read_state_dict(archive_of(tmp_path / "x", opcodes, NUMBERS))["weight"]
    np.testing.assert_array_equal(got, [0, 1, 2, 3])
