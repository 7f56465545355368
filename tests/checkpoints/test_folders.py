"""Checkpoints are found by the folder of all, by that of one, and by the work directory."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.checkpoints.folders import checkpoint_categories, has_checkpoint, restore_from
from ovis_jax.checkpoints.store import CheckpointStore, save_variables
from ovis_jax.formats.annotations import Category
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


def test_whether_a_folder_holds_a_checkpoint_is_known_without_reading_it(tmp_path):
    assert not has_checkpoint(tmp_path / "none") and not has_checkpoint(tmp_path)
    save_variables(tmp_path / "run" / "checkpoints", {"params": {"x": jnp.ones(2)}}, {})
    for folder in ("run", "run/checkpoints", "run/checkpoints/0"):
        assert has_checkpoint(tmp_path / folder)


def test_a_checkpoint_says_what_its_labels_mean_if_it_knows(workdir):
    assert checkpoint_categories(workdir) is None
    named = {"categories": [{"id": 8, "name": "dog"}, {"id": 3, "name": "cat"}]}
    save_variables(workdir / "named", variables(), named)
    assert checkpoint_categories(workdir / "named") == (Category(8, "dog"), Category(3, "cat"))
    with pytest.raises(InputError, match="expected a folder of checkpoints, found none"):
        checkpoint_categories(workdir / "none" / "there")


def test_parts_that_are_passed_over_may_have_any_shape(workdir):
    def tree(**params):
        return {"params": {name: {"kernel": jnp.zeros(size)} for name, size in params.items()}}

    held = tree(body=3, head=5)
    save_variables(workdir / "other", held, {})
    with pytest.raises(InputError, match="params/head/kernel: shape"):
        restore_from(workdir / "other", tree(body=3, head=4))
    for wanted in (tree(body=3), tree(body=3, head=4)):
        got = restore_from(workdir / "other", wanted, ["params/head"])
        assert list(got["params"]) == ["body"]
    with pytest.raises(InputError, match="params/head/kernel: .* no variable of the model"):
        restore_from(workdir / "other", tree(body=3), ["params/hea"])
