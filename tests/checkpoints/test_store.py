import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.checkpoints.store import CheckpointStore, save_variables
from ovis_jax.formats.errors import InputError

DAMAGES = {
    "deleted": lambda file: file.unlink(),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "zeroed": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "one bit flipped": lambda file: file.write_bytes(flipped(file.read_bytes())),
}
META = {"step": 3, "next_batch": 3, "seed": 0}


def variables(scale=1.0):
    return {
        "params": {"head": {"kernel": jnp.arange(6.0).reshape(2, 3) * scale, "bias": jnp.ones(3)}},
        "batch_stats": {"mean": jnp.array([1 / 3, 1e-30])},
    }


def progress(step=3):
    return {"step": jnp.int32(step), "opt_state": (jnp.full(4, 0.1), ())}


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_what_is_saved_comes_back_bit_for_bit(tmp_path):
    with CheckpointStore(tmp_path / "c", keep=2) as store:
        assert store.latest_step() is None
        store.save(3, variables(), progress(), META)
    zeros = jax.tree.map(jnp.zeros_like, (variables(), progress()))
    with CheckpointStore(tmp_path / "c", keep=2) as store:
        assert store.latest_step() == 3
        got = store.restore(3, *zeros)
    same(got[:2], (variables(), progress()))
    assert got[2] == META


def test_variables_alone_come_back_into_host_arrays(tmp_path):
    save_variables(tmp_path, jax.tree.map(np.asarray, variables()), {"source": "test"})
    with CheckpointStore(tmp_path) as store:
        same(store.restore_variables(jax.tree.map(np.zeros_like, variables())), variables())
    with pytest.raises(InputError, match="holds a checkpoint already"):
        save_variables(tmp_path, variables(), {})


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    with CheckpointStore(tmp_path, keep=2) as store:
        for step in (1, 2, 3):
            store.save(step, variables(step), progress(step), META)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["2", "3"]
    with CheckpointStore(tmp_path) as store:
        same(store.restore_variables(variables()), variables(3))


def test_saving_goes_on_while_the_saved_buffers_are_reused(tmp_path):
    bump = jax.jit(lambda x: x + 1, donate_argnums=0)
    with CheckpointStore(tmp_path, keep=None) as store:
        value = jnp.zeros(1_000_000)
        for step in range(1, 4):
            value = bump(value)
            store.save(step, {"params": {"x": value}}, progress(step), META)
            for _ in range(20):
                value = bump(value)
    with CheckpointStore(tmp_path) as store:
        for step, want in ((1, 1), (2, 22), (3, 43)):
            got, *_ = store.restore(step, {"params": {"x": jnp.zeros(1_000_000)}}, progress())
            np.testing.assert_array_equal(got["params"]["x"], want)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["head"].update(bias=jnp.ones(4)), r"params/head/bias.*\(3,\).*\(4,\)"),
        (lambda p: p["head"].pop("bias"), r"params/head/bias.*\(3,\)"),
        (lambda p: p.update(extra=jnp.ones(5)), r"params/extra.*\(5,\).*missing"),
    ],
)
def test_a_checkpoint_of_another_model_is_bad_input(tmp_path, change, message):
    save_variables(tmp_path, variables(), {})
    wanted = variables()
    change(wanted["params"])
    with CheckpointStore(tmp_path) as store, pytest.raises(InputError, match=message):
        store.restore_variables(wanted)


def test_a_folder_without_checkpoints_is_bad_input_and_stays_as_it_is(tmp_path):
    with CheckpointStore(tmp_path / "none") as store, pytest.raises(InputError, match="none"):
        store.restore_variables(variables())
    assert not (tmp_path / "none").exists()


def test_a_damaged_checkpoint_is_bad_input(tmp_path):
    save_variables(tmp_path, variables(), {})
    for path in (tmp_path / "0" / "variables").rglob("*"):
        if path.is_file() and "METADATA" not in path.name and "sharding" not in path.name:
            path.write_bytes(path.read_bytes()[:10])
    with CheckpointStore(tmp_path) as store, pytest.raises(InputError, match="cannot be read") as e:
        store.restore_variables(variables())
    assert "\n" not in str(e.value)


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    with CheckpointStore(folder) as store:
        for step in (1, 2):
            store.save(step, variables(step), progress(step), META)
    return folder


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of Orbax
@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_happens_to_a_file_nothing_wrong_is_restored(two_checkpoints, tmp_path, damage):
    noticed = 0
    for number, file in enumerate(
        sorted(p for p in two_checkpoints.rglob("2/**/*") if p.is_file())
    ):
        folder = tmp_path / str(number)
        shutil.copytree(two_checkpoints, folder)
        DAMAGES[damage](folder / file.relative_to(two_checkpoints))
        with CheckpointStore(folder) as store:
            step = store.newest_sound_step(variables(), progress())
            found = store.restore(step, variables(), progress())
        same(found[:2], (variables(step), progress(step)))
        assert (folder / "damaged").exists() == (step == 1)
        noticed += step == 1
    assert noticed > 0


def test_a_damaged_only_checkpoint_stays_and_is_bad_input(tmp_path):
    with CheckpointStore(tmp_path) as store:
        store.save(4, variables(), progress(4), META)
    (tmp_path / "4" / "meta" / "metadata").unlink()
    with CheckpointStore(tmp_path) as store, pytest.raises(InputError, match="checkpoint 4"):
        store.newest_sound_step(variables(), progress())
    assert (tmp_path / "4").is_dir()


def test_without_checkpoints_none_is_sound_and_nothing_is_made(tmp_path):
    with CheckpointStore(tmp_path / "c") as store:
        assert store.newest_sound_step(variables(), progress()) is None
    assert not (tmp_path / "c").exists()
