"""The kind of a file comes from its content; npz archives; state dicts within other things."""

import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from weights.readers.weight_data import (
    FOLDER,
    assert_bad_input,
    assert_cuts_are_bad_input,
    assert_damage_is_found_or_harmless,
)

from ovis_jax.weights.readers.files import read_state_dict

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def pickled(path, tree):
    path.write_bytes(pickle.dumps(tree, 4))
    return path


def npy(header: dict, data: bytes) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


def npz(path, members: dict[str, bytes]):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("name", ["zip.pth", "stream.pth", "plain.safetensors", "expected.npz"])
def test_the_name_of_a_file_does_not_matter(name, tmp_path):
    (tmp_path / "weights.bin").write_bytes((FOLDER / name).read_bytes())
    got, want = read_state_dict(tmp_path / "weights.bin"), read_state_dict(FOLDER / name)
    assert got.keys() == want.keys()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_archives_give_their_arrays(save, tmp_path):
    arrays = {"a.weight": WEIGHT, "b.bias": np.array(3), "c": np.asfortranarray(WEIGHT)}
    save(tmp_path / "x.npz", **arrays)
    got = read_state_dict(tmp_path / "x.npz")
    assert got.keys() == arrays.keys()
    for key, x in arrays.items():
        np.testing.assert_array_equal(got[key], x, key, strict=True)


def test_npz_archives_that_end_early_or_are_damaged(tmp_path):
    np.savez(tmp_path / "x.npz", a=WEIGHT, b=np.arange(5))
    assert_cuts_are_bad_input(tmp_path / "x.npz", tmp_path / "cut", step=5)
    assert_damage_is_found_or_harmless(tmp_path / "x.npz", tmp_path / "damaged", count=200)


@pytest.mark.parametrize(
    "member",
    [
        npy({"descr": "<f4", "fortran_order": False, "shape": (3,)}, bytes(8)),
        npy({"descr": "<f4", "fortran_order": False, "shape": (2**60,)}, bytes(8)),
        npy({"descr": "<f4", "fortran_order": False, "shape": (-2, -1)}, bytes(8)),
        npy({"descr": "|O", "fortran_order": False, "shape": (1,)}, pickle.dumps([1])),
        npy({"descr": "<U2", "fortran_order": False, "shape": (1,)}, bytes(8)),
        b"\x93NUMPY\x09\x00" + bytes(100),
        b"",
        b"text",
    ],
)
def test_a_member_that_is_no_array_of_numbers_is_bad_input(member, tmp_path):
    assert_bad_input(npz(tmp_path / "x", {"w.npy": member}))


def test_a_state_dict_is_found_within_a_checkpoint(tmp_path):
    for tree in (
        {"w": WEIGHT},
        {"state_dict": {"w": WEIGHT}, "optimizer": {"lr": 0.1}, "epoch": 3},
        {"model": {"module.w": WEIGHT}, "iteration": 4},
        {"module.w": WEIGHT},
        {"state_dict": {"w": WEIGHT}, "model": {"other": WEIGHT}},
    ):
        assert list(read_state_dict(pickled(tmp_path / "x", tree))) == ["w"]
    both = {"module.w": WEIGHT, "w": WEIGHT}
    assert list(read_state_dict(pickled(tmp_path / "x", both))) == ["module.w", "w"]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([WEIGHT], "found a list"),
        (None, "found a NoneType"),
        ({}, "found an empty dict"),
        ({"model": {}}, "found an empty dict"),
        ({"w": WEIGHT, "epoch": 3}, "epoch: expected a tensor, found an int"),
        ({"w": "text"}, "w: expected a tensor, found 'text'"),
        ({"w": {"deeper": WEIGHT}}, "w: expected a tensor, found a PlainDict|found a dict"),
        ({3: WEIGHT}, "expected names of tensors, found an int"),
        ({"two\nlines": WEIGHT}, r"names of tensors, found 'two\\nlines'"),
        ({"\ud800": WEIGHT}, "names of tensors"),
    ],
)
def test_what_is_no_state_dict_is_named(tree, message, tmp_path):
    assert_bad_input(pickled(tmp_path / "x", tree), message)


def test_files_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "x"
    for data in (b"", b"\x80", b"PK\x03\x04", b"\x89HDF\r\n", b"(lp0\n.", b"{}", bytes(1000)):
        path.write_bytes(data)
        assert_bad_input(path)
    with tarfile.open(path, "w") as archive:  # what PyTorch wrote before 0.1.10
        archive.add(FOLDER / "expected.npz", "storages")
    assert_bad_input(path, "expected a file of torch.save")
    assert_bad_input(npz(path, {"code/model.py": b"", "w.npy": b""}), "a zip file of something")
    assert_bad_input(npz(path, {}))


def test_paths_that_are_no_files_are_bad_input(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe"):
        assert_bad_input(path, "expected a file of weights")
