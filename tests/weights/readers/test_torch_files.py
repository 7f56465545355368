"""Files of torch.save: those that PyTorch wrote, cut, damaged and hostile ones."""

import copyreg
import pickle
import tracemalloc
import zipfile

import ml_dtypes
import numpy as np
import pytest
from weights.readers.handmade_pickles import (
    MAGIC,
    PROTOCOL,
    SYSTEM,
    archive,
    archive_of,
    call,
    name,
    storage,
    stream,
    stream_of,
    tensor,
    value,
    whole,
)
from weights.readers.weight_data import (
    FOLDER,
    assert_bad_input,
    assert_cuts_are_bad_input,
    assert_damage_is_found_or_harmless,
    expected,
    real_file,
)

from ovis_jax.weights.readers.files import read_state_dict

KINDS = ("zip.pth", "stream.pth")
WRITERS = (archive, stream)
NUMBERS = np.arange(4, dtype="<f4").tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_both_kinds_give_what_pytorch_saved(kind):
    got, want = read_state_dict(FOLDER / kind), expected()
    want = {key: x for key, x in want.items() if not key.startswith("module.")}
    assert got.keys() == want.keys() and len(got) > 20
    for key, x in want.items():
        bfloat16 = key == "dtype.bfloat16"
        assert got[key].dtype == (ml_dtypes.bfloat16 if bfloat16 else x.dtype), key
        np.testing.assert_array_equal(got[key].astype(x.dtype), x, err_msg=key, strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_views_share_their_storage_and_cannot_be_written(kind):
    state = read_state_dict(FOLDER / kind)
    for key in ("view.transposed", "view.slice", "parameter.view", "parameter.frozen"):
        assert np.shares_memory(state["view.whole"], state[key]), key
        assert not state[key].flags.writeable


def test_the_prefix_of_parallel_training_is_removed():
    got, want = read_state_dict(FOLDER / "parallel.pth"), expected()
    assert set(got) == {key.removeprefix("module.") for key in want if key.startswith("module.")}
    np.testing.assert_array_equal(got["0.weight"], want["module.0.weight"])
    assert got["1.num_batches_tracked"].shape == ()


@pytest.mark.parametrize("size", [20, 56])
def test_a_published_file_of_an_early_pytorch_equals_its_copy_as_npz(size):
    name = {20: "cifar10_resnet20-12fca82f", 56: "cifar10_resnet56-4bfd9763"}[size]
    got, want = read_state_dict(real_file(f"{name}.th")), read_state_dict(real_file(f"{name}.npz"))
    assert got.keys() == want.keys() and "conv1.weight" in got
    for key, x in want.items():
        np.testing.assert_array_equal(got[key], x, err_msg=key, strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_early_is_bad_input(kind, tmp_path):
    assert_cuts_are_bad_input(FOLDER / kind, tmp_path / "cut", step=13)


@pytest.mark.parametrize("kind", KINDS)
def test_changed_bytes_lead_to_arrays_or_to_bad_input(kind, tmp_path):
    assert_damage_is_found_or_harmless(FOLDER / kind, tmp_path / "damaged", count=400)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("torch", "load"),
        ("torch.nn.modules.container", "Sequential"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("collections", "OrderedDict.__init__.__globals__"),
        ("odd\tname", "of a module"),
    ],
)
def test_a_pickle_that_needs_more_than_tensors_is_refused_by_name(
    write, module, attribute, tmp_path
):
    touched = tmp_path / "touched"
    hostile = call(name(module, attribute), value(f"touch {touched}"))
    line = assert_bad_input(write(tmp_path / "x", hostile, {}), "weight: expected a tensor")
    assert repr(f"{module}.{attribute}") in line and not touched.exists()


@pytest.mark.parametrize("write", WRITERS)
def test_a_name_built_from_strings_is_refused_as_well(write, tmp_path):
    hostile = value("os") + value("system") + b"\x93" + b"(" + value("true") + b"tR"
    assert_bad_input(write(tmp_path / "x", hostile, {}), "os.system")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("opcodes", [b"\x82\xf0", b"\x83\xf0\x00", b"\x84\xf0\x00\x00\x00"])
def test_extension_codes_are_refused_even_if_the_interpreter_knows_them(write, opcodes, tmp_path):
    copyreg.add_extension("builtins", "len", 0xF0)
    try:
        assert pickle.loads(pickle.dumps(len, 2)) is len  # from now on without a look-up
        assert_bad_input(write(tmp_path / "x", opcodes), "needs an extension code")
    finally:
        copyreg.remove_extension("builtins", "len", 0xF0)
        copyreg.clear_extension_cache()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "state",
    [{"_make": 1, "_size": (9,)}, (None, {"_make": 1})],
)
def test_a_pickle_cannot_change_what_it_calls_or_the_tensors_it_made(write, state, tmp_path):
    admitted = (
        name("torch._utils", "_rebuild_tensor_v2"),
        name("collections", "OrderedDict"),
        tensor((4,), (1,)),
        storage(),
    )
    for target in admitted:
        assert_bad_input(write(tmp_path / "x", target + value(state) + b"b"), "changes a")
    read_state_dict(write(tmp_path / "x", tensor((4,), (1,))))


@pytest.mark.parametrize("write", WRITERS)
def test_no_room_is_made_for_an_object_with_a_huge_number(write, tmp_path):
    path = write(tmp_path / "x", tensor((4,), (1,)) + b"r\xff\xff\xff\x7f")
    tracemalloc.start()
    try:
        assert list(read_state_dict(path)) == ["weight"]
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "stored",
    [
        storage("0", 4, "FloatStorage", ("1", 0, 4)),
        storage("0", -4),
        storage("0", 2**70),
        storage("0", 4.0),
        storage(0, 4),
        storage("1", 4),
        storage("../../secret", 4),
        storage("0", 4, "DoubleStorage"),
        storage("0", 3),
        b"(tQ",
        value(("module", "a", "b", "c", 1)) + b"Q",
        value("storage") + b"Q",
        value((4, 5)),
        name("torch", "FloatStorage"),
    ],
)
@pytest.mark.parametrize("write", WRITERS)
def test_a_storage_that_is_not_as_the_file_has_it_is_bad_input(write, stored, tmp_path):
    assert_bad_input(write(tmp_path / "x", tensor((2,), (1,), stored=stored)))


@pytest.mark.parametrize("write", WRITERS)
def test_a_storage_of_two_types_or_lengths_is_bad_input(write, tmp_path):
    for other in (storage("0", 4, "IntStorage"), storage("0", 3), storage("0", 8, "HalfStorage")):
        opcodes = b"(" + tensor((2,), (1,)) + tensor((2,), (1,), stored=other) + b"t"
        assert_bad_input(write(tmp_path / "x", opcodes), "two different")


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"1": (4, NUMBERS)},
        {"0": (3, NUMBERS)},
        {"0": (4, NUMBERS[:-1])},
        {"0": (4, NUMBERS), "1": (4, NUMBERS)},
    ],
)
def test_storages_of_the_older_kind_must_be_those_of_the_tensors(stored, tmp_path):
    assert_bad_input(stream(tmp_path / "x", tensor((4,), (1,)), stored))


@pytest.mark.parametrize("stored", [{}, {"1": NUMBERS}, {"0": NUMBERS[:-1]}, {"0": NUMBERS * 2}])
def test_storages_of_the_newer_kind_must_be_those_of_the_tensors(stored, tmp_path):
    assert_bad_input(archive(tmp_path / "x", tensor((4,), (1,)), stored))


def test_files_of_big_endian_machines_are_refused(tmp_path):
    opcodes = tensor((4,), (1,))
    assert_bad_input(archive(tmp_path / "a", opcodes, order=b"big"), "little-endian")
    system = SYSTEM | {"little_endian": False}
    assert_bad_input(stream(tmp_path / "s", opcodes, system=system), "little-endian")


def test_a_compressed_archive_is_refused_as_it_may_be_a_bomb(tmp_path):
    bomb = {"0": bytes(10**7)}
    opcodes = tensor((1,), (1,), stored=storage("0", 10**7 // 4))
    path = archive(tmp_path / "x", opcodes, bomb, compression=zipfile.ZIP_DEFLATED)
    assert_bad_input(path, "compressed")


@pytest.mark.parametrize("write", WRITERS)
def test_what_is_no_tensor_is_named(write, tmp_path):
    for opcodes in (value(3), value("text"), value([1, 2]), storage(), value(None)):
        assert_bad_input(write(tmp_path / "x", opcodes), "weight: expected a tensor|belong")


def test_an_object_nested_so_deeply_that_nothing_can_print_it_is_bad_input(tmp_path):
    deep = b"(" * 200_000 + b"t" * 200_000
    doubled = value(()) + b"q\x00" + b"h\x00h\x00\x86q\x00" * 200
    for opcodes in (deep, doubled, tensor((1,), (1,), stored=doubled)):
        assert_bad_input(archive(tmp_path / "x", opcodes, {}))


def test_a_file_of_the_older_kind_with_complex_numbers_beside_the_weights(tmp_path):
    complex64 = tensor((2,), (1,), 0, storage("1", 2, "ComplexFloatStorage"))
    data = stream_of(tmp_path / "x", complex64, NUMBERS).read_bytes()
    keys, numbers = pickle.dumps(["0"], 2), (4).to_bytes(8, "little") + NUMBERS
    for order in (["0", "1"], ["1", "0"]):
        blocks = {"0": numbers, "1": (2).to_bytes(8, "little") + bytes(16)}
        parts = data.removesuffix(keys + numbers) + pickle.dumps(order, 2)
        (tmp_path / "x").write_bytes(parts + b"".join(blocks[key] for key in order))
        got = read_state_dict(tmp_path / "x")["weight"]
        np.testing.assert_array_equal(got, [0, 1, 2, 3])


def test_storages_that_no_weight_needs_are_not_read(tmp_path):
    beside = tensor((10**6,), (1,), 0, storage("big", 10**6))
    path = archive_of(tmp_path / "x", beside, NUMBERS)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("any/data/big", bytes(4 * 10**6))
    tracemalloc.start()
    try:
        read_state_dict(path)
        assert tracemalloc.get_traced_memory()[1] < 7 * 10**6  # the file itself, and little more
    finally:
        tracemalloc.stop()


def test_members_of_an_archive_that_overlap_are_refused(tmp_path):
    path = archive(tmp_path / "x", tensor((4,), (1,)), {"0": NUMBERS})
    with zipfile.ZipFile(path, "a") as file:
        entry = zipfile.ZipInfo("any/data/1")
        first = file.getinfo("any/data/0")
        entry.header_offset, entry.CRC = first.header_offset, first.CRC
        entry.compress_size = entry.file_size = 10**6
        file.filelist.append(entry)
        file.NameToInfo[entry.filename] = entry
        file._didModify = True
    assert_bad_input(path, "overlap")


def test_the_older_kind_of_newer_protocols_is_recognised(tmp_path):
    parts = [pickle.dumps(x, 4) for x in (MAGIC, PROTOCOL, SYSTEM)]
    parts += [whole(tensor((4,), (1,))), pickle.dumps(["0"], 4)]
    parts += [(4).to_bytes(8, "little") + NUMBERS]
    (tmp_path / "x").write_bytes(b"".join(parts))
    np.testing.assert_array_equal(read_state_dict(tmp_path / "x")["weight"], [0, 1, 2, 3])


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_plain_pickle_of_tensors_holds_a_file_for_each_storage(protocol, tmp_path):
    parts = [pickle.dumps(x, 2) for x in (MAGIC, PROTOCOL, SYSTEM)]
    parts += [b"\x80\x02" + storage() + b".", pickle.dumps(["0"], 2)]
    stored = b"".join([*parts, (4).to_bytes(8, "little"), NUMBERS])
    pushed = value(stored) if protocol == 2 else b"B" + len(stored).to_bytes(4, "little") + stored
    loaded = call(name("torch.storage", "_load_from_bytes"), pushed)
    path = tmp_path / "x"
    path.write_bytes(whole(tensor((2, 2), (1, 2), 0, loaded)))
    np.testing.assert_array_equal(read_state_dict(path)["weight"], [[0, 2], [1, 3]])
    for other in (value(b"text"), value(3), value(stored[:-1])):
        loaded = call(name("torch.storage", "_load_from_bytes"), other)
        path.write_bytes(whole(tensor((4,), (1,), 0, loaded)))
        assert_bad_input(path, "weight: a tensor of 'torch.storage._load_from_bytes'")
