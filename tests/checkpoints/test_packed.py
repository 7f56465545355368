"""A model in one file: half precision, its configuration, its categories."""

import json
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ovis_jax.checkpoints.folders import restore_from
from ovis_jax.checkpoints.packed import read_packed, write_packed
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.errors import InputError

CATEGORIES = (Category(3, "cat"), Category(7, "Vogel ü"))
CONFIG = {"model": {"system": "x", "ratios": [[1, 2], [3, 4]], "calibration": None}, "seed": 0}


def variables():
    return {
        "params": {"head": {"kernel": jnp.arange(6.0).reshape(2, 3) / 7, "bias": jnp.ones(3)}},
        "counters": {"seen": jnp.array([3, 70000], jnp.int32)},
    }


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "model.npz"
    write_packed(path, variables(), CONFIG, CATEGORIES, {"steps": 5})
    return path


def test_a_model_comes_back_with_weights_of_half_precision(packed):
    got = read_packed(packed)
    kernel = got.variables["params"]["head"]["kernel"]
    assert kernel.dtype == np.float32
    want = np.asarray(variables()["params"]["head"]["kernel"]).astype(np.float16)
    np.testing.assert_array_equal(kernel, want)
    np.testing.assert_array_equal(got.variables["counters"]["seen"], [3, 70000])
    assert got.categories == CATEGORIES and got.source == {"steps": 5}
    assert got.config["model"]["ratios"] == ((1, 2), (3, 4))
    assert got.config["model"]["calibration"] is None


@given(arrays.arrays(np.float16, (7,), elements=st.floats(-60000, 60000, width=16)))
def test_numbers_that_fit_come_back_unchanged(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("packed") / "model.npz"
    write_packed(path, {"params": {"x": values.astype(np.float32)}}, {}, [], {})
    np.testing.assert_array_equal(read_packed(path).variables["params"]["x"], values)


def test_a_packed_model_is_a_checkpoint_like_others(packed):
    got = restore_from(packed, variables())
    np.testing.assert_allclose(
        got["params"]["head"]["kernel"], variables()["params"]["head"]["kernel"], rtol=1e-3
    )
    with pytest.raises(InputError, match=r"model.npz: params/head/kernel: shape \(2, 3\)"):
        wanted = {"kernel": jnp.ones((2, 4)), "bias": jnp.ones(3)}
        restore_from(packed, variables() | {"params": {"head": wanted}})


def test_a_weight_that_does_not_fit_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match="params/x: a value does not fit half precision"):
        write_packed(tmp_path / "a.npz", {"params": {"x": jnp.array([1e6])}}, {}, [], {})
    assert not list(tmp_path.iterdir())


def test_another_ending_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="ends in .npz"):
        write_packed(tmp_path / "model", {}, {}, [], {})


def test_a_file_of_another_kind_is_bad_input(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "pickled.npy", np.array([{}], object), allow_pickle=True)
    for name in ("other.npz", "text.npz", "pickled.npy"):
        with pytest.raises(InputError, match=f"{name}: no packed model"):
            read_packed(tmp_path / name)
    with pytest.raises(InputError, match="none.npz: No such file"):
        read_packed(tmp_path / "none.npz")


def test_a_description_of_another_format_is_bad_input(packed, tmp_path):
    about = np.frombuffer(json.dumps({"format": "later 2"}).encode(), np.uint8)
    np.savez(tmp_path / "later.npz", description=about)
    with pytest.raises(InputError, match="format: expected 'ovis_jax packed model 1'"):
        read_packed(tmp_path / "later.npz")


def test_a_file_that_ends_early_or_was_changed_is_bad_input(packed, tmp_path):
    data, damaged = packed.read_bytes(), tmp_path / "damaged.npz"
    for length in range(0, len(data), 97):
        damaged.write_bytes(data[:length])
        with pytest.raises(InputError):
            read_packed(damaged)
    with zipfile.ZipFile(packed) as archive:
        start = archive.infolist()[0].header_offset + 120
    changed = bytearray(data)
    changed[start : start + 20] = bytes(20)
    damaged.write_bytes(changed)
    with pytest.raises(InputError):
        read_packed(damaged)
