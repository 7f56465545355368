"""Checkpoints of TensorFlow, made by hand and, where it is installed, by TensorFlow itself."""

import numpy as np
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.files import read_state_dict

MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
FLOAT, TEXT = 1, 7


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(pairs):
    """Keys share the beginning of the key before them."""
    out, before = b"", b""
    for key, value in pairs:
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out, before = out + key[shared:] + value, key
    return out + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")


def table(pairs, kind=0):
    """Two blocks of pairs, the index block and the footer."""
    data, handles, half = b"", [], (len(pairs) + 1) // 2
    for own in (pairs[:half], pairs[half:]):
        if own:
            content = block(own)
            handles.append((own[-1][0], varint(len(data)) + varint(len(content))))
            data += content + bytes([kind]) + b"\0\0\0\0"
    index = block(handles)
    handle = varint(len(data)) + varint(len(index))
    data += index + b"\0" * 5
    footer = varint(0) + varint(0) + handle
    return data + footer + b"\0" * (40 - len(footer)) + MAGIC


def entry(array, offset, dtype=FLOAT, shard=0):
    shape = b"".join(field(2, field(1, side)) for side in array.shape)
    return (
        field(1, dtype)
        + field(2, shape)
        + field(3, shard)
        + field(4, offset)
        + field(5, array.nbytes)
        + varint(6 << 3 | 5)
        + b"\1\2\3\4"
    )


ARRAYS = {
    "global_step": np.float32(7),
    "xception_65/conv1/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "xception_65/conv2/biases": np.arange(3, dtype=np.float32),
}
HEADER = field(1, 1)


def write(folder, pairs=None, header=HEADER, kind=0):
    data, own = b"", [(b"", header)]
    for name, array in ARRAYS.items():
        own.append((name.encode(), entry(array, len(data))))
        data += array.tobytes()
    (folder / "model.ckpt.index").write_bytes(table(own + (pairs or []), kind))
    (folder / "model.ckpt.data-00000-of-00001").write_bytes(data)
    return folder / "model.ckpt.index"


@pytest.mark.parametrize("name", ["model.ckpt", "model.ckpt.index"])
def test_tensors_are_read_by_either_name(tmp_path, name):
    write(tmp_path, [(b"zz_text", field(1, TEXT))])
    got = read_state_dict(tmp_path / name)
    assert set(got) == set(ARRAYS)
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(got[key], array)


def test_a_checkpoint_of_tensorflow_itself(tmp_path):
    tensorflow = pytest.importorskip("tensorflow")
    names = sorted(ARRAYS)
    tensorflow.raw_ops.SaveV2(
        prefix=str(tmp_path / "model.ckpt"),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tensorflow.constant(ARRAYS[name]) for name in names],
    )
    got = read_state_dict(tmp_path / "model.ckpt")
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(got[key], array)


BAD_PAIRS = {
    "zz: lies in file 3, expected one of 1": entry(np.float32(0), 0, shard=3),
    "zz: type 8 of TensorFlow, expected numbers": entry(np.float32(0), 0, dtype=8),
    "zz: reaches to byte 999": entry(np.float32(0), 995),
    "zz: shape .5. in 4 bytes": field(1, 1) + field(2, field(2, field(1, 5))) + field(5, 4),
    "zz: is stored in parts": entry(np.float32(0), 0) + field(7, b""),
    "a message with a field of kind 3": b"\x0b",
}


@pytest.mark.parametrize("error", BAD_PAIRS)
def test_entries_that_describe_nothing_are_named(tmp_path, error):
    path = write(tmp_path, [(b"zz", BAD_PAIRS[error])])
    with pytest.raises(InputError, match=error):
        read_state_dict(path)


def test_other_checkpoints_are_refused(tmp_path):
    with pytest.raises(InputError, match="big-endian"):
        read_state_dict(write(tmp_path, header=HEADER + field(2, 1)))
    with pytest.raises(InputError, match="a compressed block"):
        read_state_dict(write(tmp_path, kind=1))
    path = write(tmp_path)
    (tmp_path / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(InputError, match="data-00000-of-00001: expected a file of numbers"):
        read_state_dict(path)
    path.write_bytes(table([(b"a", b"")]))
    with pytest.raises(InputError, match="without the header"):
        read_state_dict(path)


def test_a_damaged_index_ends_in_one_line(tmp_path):
    path = write(tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(damaged) - 8, 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            read_state_dict(path)
        except InputError as error:
            assert str(error).count("\n") == 0 and str(path) in str(error)
