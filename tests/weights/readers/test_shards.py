"""Weights in several files with an index."""

import json
import os

import numpy as np
import pytest
from weights.readers.handmade_pickles import archive, tensor
from weights.readers.weight_data import assert_bad_input

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.files import read_state_dict

TENSORS = {"a.weight": np.float32([1, 2]), "b.weight": np.float32([[3]]), "c": np.float32(4)}
SHARDS = tuple(f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3))
INDEX = "model.safetensors.index.json"


def safetensors(path, tensors):
    header, data = {}, b""
    for name, x in tensors.items():
        offsets = [len(data), len(data) + x.nbytes]
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": offsets}
        data += x.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def sharded(folder, weight_map=None, shards=SHARDS):
    """One tensor in each shard, and their index; returns its path."""
    folder.mkdir(exist_ok=True)
    for shard, (name, x) in zip(shards, TENSORS.items(), strict=True):
        safetensors(folder / shard, {name: x})
    weight_map = weight_map or dict(zip(TENSORS, shards, strict=True))
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return folder / INDEX


def test_the_index_or_its_folder_gives_the_tensors_of_all_shards(tmp_path):
    index = sharded(tmp_path)
    for path in (index, tmp_path, str(tmp_path)):
        got = read_state_dict(path)
        assert got.keys() == TENSORS.keys()
        for name, x in TENSORS.items():
            np.testing.assert_array_equal(got[name], x, strict=True)


def test_shards_of_torch_are_read_as_well(tmp_path):
    shard = "pytorch_model-00001-of-00001.bin"
    archive(tmp_path / shard, tensor((4,), (1,)), {"0": np.arange(4, dtype="<f4").tobytes()})
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"weight": shard}}))
    for path in (index, tmp_path, tmp_path / shard):
        np.testing.assert_array_equal(read_state_dict(path)["weight"], [0, 1, 2, 3])


def test_shards_may_be_links_as_in_the_cache_of_a_hub(tmp_path):
    sharded(tmp_path / "snapshot")
    (tmp_path / "snapshot" / SHARDS[0]).rename(tmp_path / "blob")
    (tmp_path / "snapshot" / SHARDS[0]).symlink_to("../blob")
    assert set(read_state_dict(tmp_path / "snapshot")) == set(TENSORS)


def test_one_shard_alone_is_refused_in_a_line_that_names_the_index(tmp_path):
    sharded(tmp_path)
    assert_bad_input(tmp_path / SHARDS[1], f"one of 3 shards, expected their index .{INDEX}")


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_folder_with_the_weights_in_one_file(name, tmp_path):
    safetensors(tmp_path / name, TENSORS)
    safetensors(tmp_path / "optimizer.bin", {"x": TENSORS["c"]})
    assert set(read_state_dict(tmp_path)) == set(TENSORS)


def test_a_missing_shard_is_named(tmp_path):
    index = sharded(tmp_path)
    (tmp_path / SHARDS[2]).unlink()
    assert_bad_input(index, f"{SHARDS[2]}: expected a file of weights beside the index")


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"a.weight": SHARDS[1], "b.weight": SHARDS[1], "c": SHARDS[2]}, "a.weight': expected in"),
        ({"a.weight": SHARDS[0], "b.weight": SHARDS[1], "d": SHARDS[2]}, "does not name it"),
        ({"a.weight": SHARDS[0], "b.weight": SHARDS[2], "c": SHARDS[2]}, "b.weight': expected in"),
        (dict(zip(TENSORS, SHARDS, strict=True)) | {"d": SHARDS[0]}, "'d': expected in model-0"),
        (dict.fromkeys(TENSORS, "../x.safetensors"), "expected the name of a file beside"),
        (dict.fromkeys(TENSORS, "/etc/passwd"), "expected the name of a file beside"),
        (dict.fromkeys(TENSORS, "..\\x"), "expected the name of a file beside"),
        (dict.fromkeys(TENSORS, ".."), "expected the name of a file beside"),
        (dict.fromkeys(TENSORS, ""), "expected the name of a file beside"),
        (dict.fromkeys(TENSORS, "C:x"), "expected the name of a file beside"),
        (dict.fromkeys(TENSORS, 3), "expected the name of a file beside"),
        (dict.fromkeys(TENSORS, "two\nlines"), "expected the name of a file beside"),
        ({"two\nlines": SHARDS[0]}, "a.weight: stands here|expected in"),
        (dict.fromkeys(TENSORS, INDEX), "expected a file of torch.save"),
    ],
)
def test_an_index_that_its_shards_do_not_agree_with_is_bad_input(weight_map, message, tmp_path):
    with pytest.raises(InputError, match=message) as error:
        read_state_dict(sharded(tmp_path, weight_map))
    assert len(str(error.value).splitlines()) == 1


def test_a_tensor_that_stands_in_two_shards_is_bad_input(tmp_path):
    index = sharded(tmp_path)
    safetensors(tmp_path / SHARDS[1], {"a.weight": TENSORS["c"], "b.weight": TENSORS["b.weight"]})
    with pytest.raises(InputError, match=f"{SHARDS[1]}: a.weight: stands here, .* puts it in"):
        read_state_dict(index)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": []}', "[" * 10**5, "\ud800"]
    + ['{"weight_map": {"a": "x", "a": "y"}}'],
)
def test_a_file_that_is_no_index_is_bad_input(text, tmp_path):
    path = tmp_path / INDEX
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert_bad_input(path)


def test_folders_without_weights_say_what_was_expected(tmp_path):
    assert_bad_input(tmp_path, r"expected a file of weights, or a folder with a \*.index.json")
    (tmp_path / ".metadata").write_bytes(b"")
    assert_bad_input(tmp_path, "torch.distributed.checkpoint")
    sharded(tmp_path)
    (tmp_path / "pytorch_model.bin.index.json").write_text("{}")
    assert_bad_input(tmp_path, f"expected one of {INDEX}, pytorch_model.bin.index.json")


def test_a_pipe_beside_the_index_is_not_waited_for(tmp_path):
    index = sharded(tmp_path)
    (tmp_path / SHARDS[0]).unlink()
    os.mkfifo(tmp_path / SHARDS[0])
    assert_bad_input(index, "expected a file of weights beside")
