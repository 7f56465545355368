"""Checkpoints are found by the folder of all, by that of one, and by the work directory."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.checkpoints.folders import restore_from
from ovis_jax.checkpoints.store import CheckpointStore
from ovis_jax.formats.errors import InputError


def variables(scale=0.0):
    return {"params": {"x": jnp.arange(3.0) * scale}}


@pytest.fixture
def workdir(tmp_path):
    with CheckpointStore(tmp_path / "checkpoints") as store:
        for step in (5, 1500):
            store.save(step, variables(step), {"step": jnp.int32(step)}, {"step": step})
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "step"),
    [("", 1500), ("checkpoints", 1500), ("checkpoints/1500", 1500), ("checkpoints/5", 5)],
)
def test_any_of_the_three_folders_can_be_named(folder, step, workdir, monkeypatch):
    for name in (workdir / folder, f"{workdir}/{folder}/"):
        got = restore_from(name, variables())
        np.testing.assert_array_equal(got["params"]["x"], variables(step)["params"]["x"])
    monkeypatch.chdir(workdir / folder)
    got = restore_from(".", variables())
    np.testing.assert_array_equal(got["params"]["x"], variables(step)["params"]["x"])


def test_a_folder_without_a_checkpoint_is_bad_input_and_is_not_made(workdir):
    with pytest.raises(InputError, match="expected a folder of checkpoints, found none"):
        restore_from(workdir / "checkpoints" / "7", variables())
    assert not (workdir / "checkpoints" / "7").exists()


def test_a_checkpoint_under_another_name_says_what_is_wrong(workdir):
    (workdir / "checkpoints" / "5").rename(workdir / "best")
    with pytest.raises(InputError, match="best: a checkpoint, expected the number of its step"):
        restore_from(workdir / "best", variables())


def test_a_step_of_another_model_is_named(workdir):
    with pytest.raises(InputError, match="checkpoint 5: params/x: shape"):
        restore_from(workdir / "checkpoints" / "5", {"params": {"x": jnp.zeros(4)}})
