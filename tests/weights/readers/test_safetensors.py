"""Safetensors files: one that the library wrote, cut, damaged and hostile ones."""

import json

import ml_dtypes
import numpy as np
import pytest
from weights.readers.weight_data import (
    FOLDER,
    assert_bad_input,
    assert_cuts_are_bad_input,
    assert_damage_is_found_or_harmless,
    expected,
)

from ovis_jax.weights.readers.files import read_state_dict

SOURCE = FOLDER / "plain.safetensors"


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def write(path, header, data=bytes(8)):
    """A file with a header, given as an object or as text."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_the_arrays_are_those_that_the_library_wrote():
    got, want = read_state_dict(SOURCE), expected()
    assert len(got) == len([key for key in want if not key.startswith("module.")])
    assert got["dtype.bfloat16"].dtype == ml_dtypes.bfloat16
    for key, x in got.items():
        np.testing.assert_array_equal(x.astype(want[key].dtype), want[key], key, strict=True)


def test_a_file_that_ends_early_is_bad_input(tmp_path):
    assert_cuts_are_bad_input(SOURCE, tmp_path / "cut", step=5)


def test_changed_bytes_lead_to_arrays_or_to_bad_input(tmp_path):
    assert_damage_is_found_or_harmless(SOURCE, tmp_path / "damaged", count=400)


def test_a_small_file_is_read(tmp_path):
    path = write(tmp_path / "x", {"w": entry(), "__metadata__": {"by": "hand"}}, b"\0\0\x80?" * 2)
    np.testing.assert_array_equal(read_state_dict(path)["w"], np.float32([1, 1]), strict=True)


@pytest.mark.parametrize("length", [0x280, 0x480, 0x4B50])
def test_a_header_length_that_looks_like_another_kind_of_file_does_not_matter(length, tmp_path):
    header = json.dumps({"w": entry()}).ljust(length)
    np.testing.assert_array_equal(read_state_dict(write(tmp_path / "x", header))["w"], [0, 0])


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"w": entry(offsets=(0, 4))},
        {"w": entry(offsets=(4, 12))},
        {"w": entry(shape=(1,), offsets=(0, 4))},
        {"w": entry(offsets=(8, 0))},
        {"w": entry(offsets=(-8, 0))},
        {"w": entry(offsets=(0, 8, 8))},
        {"w": entry(shape=(-2,))},
        {"w": entry(shape=(2.0,))},
        {"w": entry(shape=(True, 2))},
        {"w": entry(shape=(2**40, 2**40), offsets=(0, 2**82))},
        {"w": entry(shape=(0, 2**70), offsets=(0, 0))},
        {"w": entry(shape=(1,) * 40, offsets=(0, 4))},
        {"w": entry(dtype="F8_E4M3", shape=(8,))},
        {"w": entry(dtype=["F32"])},
        {"w": entry(extra=1)},
        {"w": [1]},
        {"a": entry(), "b": entry()},
        {"name\nof two lines": entry()},
        json.dumps({"v": entry(), "w": entry(shape=(0,), offsets=(8, 8))}).replace("v", "w"),
        "{" * 100_000,
        '{"w": ' + "[" * 100_000,
        '{"w": {"dtype": "F32", "shape": [' + "9" * 10_000 + '], "data_offsets": [0, 8]}}',
        "{not json",
    ],
)
def test_a_header_that_does_not_describe_the_file_is_bad_input(header, tmp_path):
    assert_bad_input(write(tmp_path / "x", header))


def test_a_header_longer_than_the_file_is_bad_input(tmp_path):
    path = tmp_path / "x"
    path.write_bytes((2**31).to_bytes(8, "little") + b"{}")
    assert_bad_input(path, "header")
