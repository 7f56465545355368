"""Whatever a pickle asks for beside the weights, nothing is looked up, called or imported."""

import argparse
import builtins
import collections
import datetime
import decimal
import enum
import fractions
import functools
import os
import pathlib
import pickle
import sys
import types
import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weights.readers.handmade_pickles import (
    archive,
    archive_of,
    call,
    name,
    persistent,
    stream_of,
    tensor,
    value,
)
from weights.readers.weight_data import assert_bad_input

from ovis_jax.formats.errors import InputError
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


@pytest.fixture
def touched(monkeypatch):
    """Everything that a pickle ran or looked up."""
    seen = []

    class Trap(types.ModuleType):
        def __getattr__(self, attribute):
            seen.append(attribute)
            raise AttributeError(attribute)

    real_import = builtins.__import__
    monkeypatch.setitem(sys.modules, "trap", Trap("trap"))
    monkeypatch.setattr(os, "system", seen.append)
    monkeypatch.setattr(builtins, "eval", lambda *arguments: seen.append(arguments))
    monkeypatch.setattr(pickle, "Unpickler", lambda *arguments: seen.append(arguments))

    def watched(module, *arguments, **keywords):
        if module.split(".")[0] in ("trap", "no"):
            seen.append(module)
        return real_import(module, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", watched)
    return seen


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


def foreign_objects():
    """Opcodes that push one foreign object, in every way that a pickle has to make one."""
    plain = st.sampled_from([None, 3, 0.5, "text", b"bytes", (), [1], {"a": 1}]).map(value)
    names = st.sampled_from(FOREIGN).map(lambda full: name(*full.split()))
    stacked = st.sampled_from(FOREIGN).map(
        lambda full: b"".join(map(value, full.split())) + b"\x93"
    )
    leaves = plain | names | stacked | st.just(value("odd id") + b"Q") | st.just(b"Podd id\n")

    def deeper(inner):
        some = st.lists(inner, max_size=3).map(b"".join)
        pairs = st.lists(st.tuples(inner, inner).map(b"".join), max_size=2).map(b"".join)
        arguments = some.map(lambda opcodes: b"(" + opcodes + b"t")
        made = (
            st.tuples(names | stacked, arguments).map(lambda x: x[0] + x[1] + b"R")
            | st.tuples(names, arguments).map(lambda x: x[0] + x[1] + b"\x81")
            | st.tuples(names, arguments).map(lambda x: x[0] + x[1] + b"}\x92")
            | st.tuples(names, some).map(lambda x: b"(" + x[0] + x[1] + b"o")
            | st.tuples(st.sampled_from(FOREIGN), some).map(
                lambda x: b"(" + x[1] + b"i" + x[0].replace(" ", "\n").encode() + b"\n"
            )
        )
        foreign = st.tuples(st.sampled_from(FOREIGN[:4]), arguments).map(
            lambda x: name(*x[0].split()) + x[1] + b"R"
        )
        changed = (
            st.tuples(foreign, inner).map(lambda x: x[0] + x[1] + b"b")
            | st.tuples(foreign, inner).map(lambda x: x[0] + x[1] + b"a")
            | st.tuples(foreign, some).map(lambda x: x[0] + b"(" + x[1] + b"e")
            | st.tuples(foreign, some).map(lambda x: x[0] + b"(" + x[1] + b"\x90")
            | st.tuples(foreign, inner, inner).map(lambda x: x[0] + x[1] + x[2] + b"s")
            | st.tuples(foreign, pairs).map(lambda x: x[0] + b"(" + x[1] + b"u")
        )
        held = (
            pairs.map(lambda x: b"(" + x + b"d")
            | pairs.map(lambda x: b"}(" + x + b"u")
            | some.map(lambda x: b"(" + x + b"l")
            | some.map(lambda x: b"(" + x + b"\x91")
            | some.map(lambda x: b"\x8f(" + x + b"\x90")
        )
        return made | changed | held

    return st.recursive(leaves, deeper, max_leaves=8)


@settings(deadline=None, max_examples=50)
@given(opcodes=foreign_objects())
def test_weights_are_read_beside_any_foreign_object_and_nothing_runs(opcodes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    with pytest.MonkeyPatch.context() as patch:
        seen = touched.__wrapped__(patch)
        for write in (archive_of, stream_of):
            got = read_state_dict(write(folder / "x", opcodes, NUMBERS.tobytes()))
            np.testing.assert_array_equal(got["weight"], NUMBERS, strict=True)
        assert not seen


FRAGMENTS = [
    *(name(*full.split()) for full in FOREIGN),
    *(value(x) for x in (None, 1, "a", (), ("os",), {}, [])),
    *(b"i" + full.replace(" ", "\n").encode() + b"\n" for full in FOREIGN),
    *(
        bytes([code])
        for code in b"(010tloRbase2Qdu\x81\x85\x86\x87\x8f\x90\x91\x92\x93\x94\x97\x98"
    ),
    *(b"q\x00", b"h\x00", b"p1\n", b"g1\n", b"\x82\x01", tensor((4,), (1,)), persistent()),
]


@settings(deadline=None, max_examples=100)
@given(parts=st.lists(st.sampled_from(FRAGMENTS), max_size=25))
def test_any_row_of_instructions_leads_to_weights_or_bad_input_and_runs_nothing(
    parts, tmp_path_factory
):
    path = tmp_path_factory.mktemp("rows") / "x"
    with pytest.MonkeyPatch.context() as patch:
        seen = touched.__wrapped__(patch)
        for data in (b"\x80\x02" + b"".join(parts) + b".", None):
            if data is None:
                archive(path, b"".join(parts))
            else:
                path.write_bytes(data)
            try:
                state = read_state_dict(path)
            except InputError as error:
                assert len(str(error).splitlines()) == 1
                continue
            assert all(isinstance(x, np.ndarray) for x in state.values())
        assert not seen


def test_the_trap_itself_would_be_seen(touched):
    with pytest.raises(AttributeError):
        sys.modules["trap"].touch()
    os.system("true")
    __import__("trap")
    assert touched == ["touch", "true", "trap"]


@pytest.mark.parametrize("write", [archive_of, stream_of])
def test_changed_bytes_of_a_checkpoint_lead_to_its_weights_or_to_bad_input(write, tmp_path):
    beside = call(name("argparse", "Namespace")) + value({"lr": 0.1}) + b"b"
    data = write(tmp_path / "x", beside, NUMBERS.tobytes()).read_bytes()
    rng, end = np.random.default_rng(0), len(data) - (len(NUMBERS.tobytes()) * (write is stream_of))
    for _ in range(120):
        damaged = bytearray(data)
        damaged[rng.integers(end)] = rng.integers(256)
        (tmp_path / "y").write_bytes(damaged)
        try:
            state = read_state_dict(tmp_path / "y")
        except InputError:
            continue
        if write is archive_of:  # the older kind has no checksums
            np.testing.assert_array_equal(state["weight"], NUMBERS, strict=True)
    for length in range(0, len(data), 29):
        (tmp_path / "y").write_bytes(data[:length])
        assert_bad_input(tmp_path / "y")


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
