"""Whatever a pickle asks for beside the weights, nothing is looked up, called or imported."""

import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import os
import pathlib
import pickle
import types
import uuid

import numpy as np
import pytest
from weights.readers.handmade_pickles import (
    archive,
    archive_of,
    call,
    name,
    stream_of,
    tensor,
    value,
)
from weights.readers.weight_data import assert_bad_input

from ovis_jax.weights.readers.files import read_state_dict

NUMBERS = np.arange(4, dtype="<f4")
FOREIGN = ("trap touch", "os system", "builtins eval", "no.such.module f", "numpy dtype")


class Color(enum.Enum):
    """An enumeration."""

    RED = 1


class OwnDict(dict):
    """A mapping with items and attributes."""


class OwnList(list):
    """A list with items and attributes."""


class ByKeywords:
    """Made with keywords, by NEWOBJ_EX."""

    def __new__(cls, **_keywords):
        """Takes anything."""
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        """No arguments but keywords."""
        return (), {"a": 1}


class Everything:
    """A reduction with arguments, state, list items and dict items."""

    def __reduce__(self):
        """A call that would be seen."""
        items = iter([("key", 1)])
        return Everything.made, (1,), {"state": 2}, iter([1, 2]), items

    @staticmethod
    def made(_):
        """What the pickle calls."""
        raise AssertionError("called")


def circle():
    first = types.SimpleNamespace()
    first.second = [first]
    return first


BESIDE = {
    "namespace": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("/data")),
    "numpy scalar": np.float64(0.5),
    "array": np.arange(5),
    "array of objects": np.array([{}, None], object),
    "array of records": np.zeros(2, [("a", "f4"), ("b", "i4")]),
    "array of text": np.array(["a", "bb"]),
    "date of numpy": np.datetime64("2020-01-01"),
    "random generator": np.random.default_rng(0),
    "defaultdict": collections.defaultdict(list, {1: [2]}),
    "counter": collections.Counter("abc"),
    "queue": collections.deque([1, 2], 3),
    "date": datetime.date(2020, 1, 1),
    "time": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    "enum": Color.RED,
    "dict of a class": OwnDict(a=1),
    "list of a class": OwnList([1, 2]),
    "by keywords": ByKeywords(),
    "everything": Everything(),
    "circle": circle(),
    "set": {1, 2},
    "frozenset": frozenset([1, (2, 3)]),
    "function": os.path.join,
    "class": collections.OrderedDict,
    "partial": functools.partial(int, base=2),
    "numbers": [decimal.Decimal(1), fractions.Fraction(1, 2), 1j, 2**100, uuid.UUID(int=3)],
    "odd values": [..., NotImplemented, slice(1, 2), range(3), bytearray(b"ab"), b"abc", ""],
    "odd keys": {
        (1, (2, 3)): 1,
        frozenset([1]): 2,
        Color.RED: 3,
        datetime.date(2020, 1, 1): 4,
        pathlib.PurePosixPath("a"): 5,
        1.5: 6,
        None: 7,
        b"b": 8,
    },
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", BESIDE)
def test_objects_beside_the_weights_of_a_pickle_do_not_matter(kind, protocol, tmp_path):
    for tree in (
        {"state_dict": {"weight": NUMBERS}, "beside": BESIDE[kind]},
        {"beside": BESIDE[kind], "state_dict": {"weight": NUMBERS}},
    ):
        (tmp_path / "x").write_bytes(pickle.dumps(tree, protocol))
        got = read_state_dict(tmp_path / "x")
        assert list(got) == ["weight"]
        np.testing.assert_array_equal(got["weight"], NUMBERS, strict=True)


@pytest.mark.parametrize("write", [archive_of, stream_of])
@pytest.mark.parametrize("kind", BESIDE)
def test_objects_beside_the_weights_of_a_file_of_torch_do_not_matter(kind, write, tmp_path):
    got = read_state_dict(write(tmp_path / "x", value(BESIDE[kind]), NUMBERS.tobytes()))
    np.testing.assert_array_equal(got["weight"], NUMBERS, strict=True)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", [kind for kind in BESIDE if kind != "array"])
def test_the_same_objects_among_the_weights_are_refused_by_name(kind, protocol, tmp_path):
    (tmp_path / "x").write_bytes(
        pickle.dumps({"model": {"w": NUMBERS, "a": BESIDE[kind]}}, protocol)
    )
    assert_bad_input(tmp_path / "x", "x: a: ")


def test_a_whole_model_is_refused_by_its_class(tmp_path):
    for tree in (argparse.Namespace(), {"model": argparse.Namespace(), "epoch": 3}):
        (tmp_path / "x").write_bytes(pickle.dumps(tree))
        assert_bad_input(
            tmp_path / "x", "expected a state dict, .*'argparse.Namespace'.*whole model"
        )


def test_a_mapping_whose_keys_would_take_forever_to_hash_is_read(tmp_path):
    doubled = value(()) + b"q\x000" + b"h\x00h\x00\x86q\x000" * 200 + b"h\x00"
    deep = b"(" * 50_000 + b"t" * 50_000
    for key in (doubled, deep):
        got = read_state_dict(archive_of(tmp_path / "x", b"}" + key + b"Ns", NUMBERS.tobytes()))
        np.testing.assert_array_equal(got["weight"], NUMBERS)


@pytest.mark.parametrize("holds", ["a list of pairs", "a mapping"])
@pytest.mark.parametrize("of_the_result", [False, True])
def test_mappings_made_of_one_thing_again_and_again_take_no_time(holds, of_the_result, tmp_path):
    count = 10_000
    keys = [value(k) for k in range(count)]
    if holds == "a mapping":
        items = b"}q\x00(" + b"".join(key + b"N" for key in keys) + b"u0"
    else:
        items = b"(" + b"".join(key + b"N\x86" for key in keys) + b"lq\x000"
    function = name("collections", "OrderedDict") + b"q\x010"
    if of_the_result:
        made = b"h\x01" * count + b"h\x00" + b"\x85R" * count
    else:
        made = b"(" + b"h\x01h\x00\x85R" * count + b"l"
    got = read_state_dict(archive_of(tmp_path / "x", items + function + made, NUMBERS.tobytes()))
    np.testing.assert_array_equal(got["weight"], NUMBERS)


def test_mappings_of_python_2_are_read(tmp_path):
    pairs = b"]" + b"(" + value("weight") + tensor((4,), (1,)) + b"\x86" + b"e"
    made = call(name("collections", "OrderedDict"), pairs)
    path = archive(tmp_path / "x", made, {"0": NUMBERS.tobytes()})
    np.testing.assert_array_equal(read_state_dict(path, "weight")["weight"], NUMBERS)


@pytest.mark.parametrize("opcodes", [b"\x82\x01", b"\x83\x01\x00", b"\x97", b"\x98", b"\x80\x06"])
def test_what_needs_more_than_the_file_is_refused(opcodes, tmp_path):
    assert_bad_input(archive_of(tmp_path / "x", opcodes + b"N", b""))


@pytest.mark.parametrize(
    "opcodes",
    [
        value(1) + value(2) + b"a",
        value(()) + value(1) + b"a",
        value([]) + value(0) + value(1) + b"s",
        value(1) + value({}) + b"b",
        tensor((4,), (1,)) + value({}) + b"b",
        value("os") + value(()) + b"R",
        name("os", "system") + value([]) + b"R",
        name("os", "system") + b"R",
        value(1) + value(2) + b"\x93",
        b"h\x09",
        b"(" + value(1) + b"d",
        b"(N",
        b"t",
    ],
)
def test_instructions_that_no_pickler_writes_are_bad_input(opcodes, tmp_path):
    assert_bad_input(archive_of(tmp_path / "x", opcodes, NUMBERS.tobytes()))
