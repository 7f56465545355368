"""Pickles of numpy arrays, as detectron2 publishes weights."""

import pickle
import subprocess

import numpy as np
import pytest
from weights.readers.handmade_pickles import (
    call,
    name,
    value,
    whole,
)
from weights.readers.weight_data import (
    assert_bad_input,
    assert_cuts_are_bad_input,
    assert_damage_is_found_or_harmless,
)

from ovis_jax.weights.readers.files import read_state_dict

ARRAYS = {
    "stem.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
    "stem.columns_first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "stem.big_endian": np.arange(5, dtype=">f4"),
    "stem.half": np.array([0.5, -2], np.float16),
    "stem.count": np.array(3, np.int64),
    "stem.flags": np.array([True, False]),
    "stem.empty": np.zeros((0, 4), np.float32),
}
PYTHON2_NAMES = [name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray")]


def python2_array(shape, data: bytes, dtype=None, columns_first=False) -> bytes:
    """Opcodes by which Python 2 wrote an array: its bytes are a string."""
    dtype = dtype or float32()
    reconstruct, ndarray = PYTHON2_NAMES
    empty = call(reconstruct, ndarray, value((0,)), value("b"))
    raw = b"T" + len(data).to_bytes(4, "little") + data
    return empty + b"(" + value(1) + value(shape) + dtype + value(columns_first) + raw + b"tb"


def float32(code="f4", order="<", *parts) -> bytes:
    """Opcodes that push a dtype."""
    state = (3, order, *(parts or (None, None, None)), -1, -1, 0)
    return call(name("numpy", "dtype"), value(code), value(0), value(1)) + value(state) + b"b"


def write(path, data: bytes):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_gives_the_arrays(protocol, tmp_path):
    checkpoint = {"model": ARRAYS, "__author__": "somebody", "matching_heuristics": True}
    path = write(tmp_path / "x.pkl", pickle.dumps(checkpoint, protocol))
    got = read_state_dict(path)
    assert got.keys() == ARRAYS.keys()
    for key, want in ARRAYS.items():
        assert got[key].dtype == want.dtype, key
        np.testing.assert_array_equal(got[key], want, err_msg=key, strict=True)


def test_an_array_that_python_2_wrote(tmp_path):
    data = np.array([[1, -2, 300]], "<f4").tobytes()
    got = read_state_dict(write(tmp_path / "x", whole(python2_array((1, 3), data))))
    np.testing.assert_array_equal(got["weight"], np.float32([[1, -2, 300]]), strict=True)


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_file_that_ends_early_is_bad_input(protocol, tmp_path):
    path = write(tmp_path / "x", pickle.dumps({"model": ARRAYS}, protocol))
    assert_cuts_are_bad_input(path, tmp_path / "cut", step=7)


@pytest.mark.parametrize("protocol", [2, 5])
def test_changed_bytes_lead_to_arrays_or_to_bad_input(protocol, tmp_path):
    path = write(tmp_path / "x", pickle.dumps({"model": ARRAYS}, protocol))
    assert_damage_is_found_or_harmless(path, tmp_path / "damaged", count=400)


@pytest.mark.parametrize("function", [subprocess.call, eval, np.load, np.float32, getattr])
def test_a_pickle_that_needs_more_than_arrays_is_refused_by_name(function, tmp_path):
    path = write(tmp_path / "x", pickle.dumps({"model": {"weight": function}}))
    assert function.__name__ in assert_bad_input(path, "needs")


@pytest.mark.parametrize(
    "opcodes",
    [
        python2_array((2,), bytes(7)),
        python2_array((3,), bytes(8)),
        python2_array((-2,), bytes(8)),
        python2_array((-1,), bytes(8)),
        python2_array((2**61, 8), bytes(8)),
        python2_array((2.0,), bytes(8)),
        python2_array([2], bytes(8)),
        python2_array((1,) * 65, bytes(4)),
        python2_array((2,), bytes(8), float32("O8")),
        python2_array((2,), bytes(8), float32("V4")),
        python2_array((2,), bytes(8), float32("f4", "?")),
        python2_array((2,), bytes(8), float32("f4", [])),
        python2_array((2,), bytes(8), float32("f4", "<", ("f4", (2,)), None, None)),
        python2_array((2,), bytes(8), value("f4")),
        call(*PYTHON2_NAMES[:1], PYTHON2_NAMES[1], value((2**60,)), value("b")),
        call(*PYTHON2_NAMES[:1], PYTHON2_NAMES[1], value((0,)), value("b")) + value((1, 2)) + b"b",
        call(name("_codecs", "encode"), value("text"), value("rot13")),
        call(name("__builtin__", "bytes"), value(10**12)),
        call(name("_codecs", "encode"), value("text"), value("latin1")),
        name("numpy", "ndarray"),
        name("numpy", "dtype"),
    ],
)
def test_what_is_no_array_of_numbers_is_bad_input(opcodes, tmp_path):
    assert_bad_input(write(tmp_path / "x", whole(opcodes)))


def test_objects_in_an_array_are_refused(tmp_path):
    objects = np.array([{}, []], object)
    for protocol in (2, 5):
        path = write(tmp_path / "x", pickle.dumps({"weight": objects}, protocol))
        assert_bad_input(path)
