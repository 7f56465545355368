"""Whatever a pickle asks for beside the weights, nothing is looked up, called or imported."""

import builtins
import os
import pickle
import sys
import types

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
