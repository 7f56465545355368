"""The training loop with a toy model: what happens every so many steps."""

import json
import types

import jax
import numpy as np
import pytest
from event_files import scalars
from training import toy

from ovis_jax import train
from ovis_jax.checkpoints.folders import checkpoint_categories
from ovis_jax.checkpoints.store import CheckpointStore
from ovis_jax.formats.errors import InputError
from ovis_jax.models import build
from ovis_jax.models.batch_norm import RUNNING_STATS
from ovis_jax.program.workdir import Workdir


@pytest.fixture(autouse=True)
def toy_world(monkeypatch):
    monkeypatch.setattr(train, "open_training_data", lambda data, capacity: toy.ToyData())
    monkeypatch.setattr(train, "training_batches", toy.toy_batches)
    monkeypatch.setattr(build, "build_system", lambda config: toy.ToyModel())
    monkeypatch.setattr(build, "init_variables", toy.init_toy)
    monkeypatch.setattr(train, "init_variables", toy.init_toy)


def run(workdir, evaluate=None, **values):
    config = toy.toy_config(**values)
    assert train.train(config, Workdir(workdir, json.loads(config.to_json())), evaluate)
    with CheckpointStore(workdir / "checkpoints") as store:
        return store.restore_variables(toy.init_toy(toy.ToyModel(), jax.random.key(0)))


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_the_model_is_evaluated_on_the_way_and_training_stays_the_same(tmp_path, monkeypatch):
    seen = []

    def evaluate(config, model):
        seen.append(jax.tree.map(np.array, model[1]))
        return {"AP": 0.5, "AP75": 0.25, "lost_objects": 3}

    lines = []
    log = types.SimpleNamespace(info=lambda form, *values: lines.append(form % values))
    monkeypatch.setattr(train, "logging", log)
    found = run(tmp_path / "a", evaluate, evaluate_every=2, checkpoint_every=2, keep_checkpoints=9)
    assert len(seen) == 2  # after steps 2 and 4; step 6 is the end, where the program evaluates
    assert_equal(found, run(tmp_path / "b"))
    assert scalars(tmp_path / "a", "evaluation/AP") == {2: 0.5, 4: 0.5}
    assert lines[:2] == ["step 2: AP 50.0, AP75 25.0", "step 4: AP 50.0, AP75 25.0"]


def test_objects_beyond_the_capacity_are_in_the_events(tmp_path):
    run(tmp_path)
    assert scalars(tmp_path, "dropped_objects") == {0: toy.ToyData.num_dropped}


def test_the_average_is_what_a_checkpoint_predicts_with_and_survives_a_restart(tmp_path):
    values = dict(average_decay=0.9, checkpoint_every=3)
    whole, plain = run(tmp_path / "whole", **values), run(tmp_path / "plain")
    assert not np.array_equal(whole["params"]["body"]["bias"], plain["params"]["body"]["bias"])
    folder = tmp_path / "halves"
    run(folder, **values)
    half = folder / "checkpoints"
    for later in [p for p in half.iterdir() if p.name == "6"]:
        later.rename(tmp_path / "6")  # as if the run had been killed after step 3
    assert_equal(run(folder, **values), whole)


def test_running_statistics_predict_and_survive_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "build_system", lambda config: toy.NormedToy())
    seen = []

    def evaluate(config, model):
        seen.append(jax.device_get(model[1]))
        return {}

    def run_normed(workdir):
        config = toy.toy_config(evaluate_every=3)
        assert train.train(config, Workdir(workdir, json.loads(config.to_json())), evaluate)
        with CheckpointStore(workdir / "checkpoints") as store:
            return store.restore_variables(toy.init_toy(toy.NormedToy(), jax.random.key(0)))

    whole = run_normed(tmp_path / "whole")
    start, end = (jax.tree.leaves(x[RUNNING_STATS]) for x in (seen[0], whole))
    assert all(not np.array_equal(a, b) for a, b in zip(start, end, strict=True))
    run_normed(tmp_path / "halves")
    (tmp_path / "halves" / "checkpoints" / "6").rename(tmp_path / "6")  # as if killed after step 3
    assert_equal(run_normed(tmp_path / "halves"), whole)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (dict(average_decay=1.0), "average_decay"),
        (dict(microbatches=3), "batch_size: expected a multiple of the 1 devices times 3"),
        (dict(microbatches=0), "microbatches"),
    ],
)
def test_values_that_make_no_sense_are_named(tmp_path, values, words):
    with pytest.raises(InputError, match=words):
        run(tmp_path / "run", **values)
    assert not (tmp_path / "run").exists()


CONSTANT = dict(warmup_steps=0, drops=())


def test_a_longer_run_ends_as_if_it_had_been_planned(tmp_path):
    run(tmp_path / "a", num_steps=4, **CONSTANT)
    longer = run(tmp_path / "a", num_steps=6, log_every=1, **CONSTANT)
    assert_equal(longer, run(tmp_path / "b", num_steps=6, **CONSTANT))
    starts = json.loads((tmp_path / "a" / "run.json").read_text())["starts"]
    assert starts[1]["changes"]["config.train.num_steps"] == {"old": 4, "new": 6}
    assert json.loads((tmp_path / "a" / "config.json").read_text())["train"]["num_steps"] == 6


def test_a_longer_run_may_keep_the_drops_where_they_were(tmp_path):
    run(tmp_path / "a", num_steps=4, drops=(0.5,))
    longer = run(tmp_path / "a", num_steps=8, drops=(0.25,))
    assert_equal(longer, run(tmp_path / "b", num_steps=8, drops=(0.25,)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (dict(num_steps=4, drops=(0.5,)), dict(num_steps=8, drops=(0.5,))),
        (dict(num_steps=4, schedule="cosine"), dict(num_steps=8, schedule="cosine")),
        (
            dict(num_steps=0, num_epochs=1, drops=(0.5,)),
            dict(num_steps=0, num_epochs=2, drops=(0.5,)),
        ),
    ],
)
def test_a_longer_run_whose_past_would_differ_is_refused(tmp_path, before, after):
    run(tmp_path, **before)
    saved = (tmp_path / "config.json").read_text()
    with pytest.raises(
        InputError, match=r"config\.train\.num_.*learning rate of \d of the \d steps"
    ):
        run(tmp_path, **after)
    assert (tmp_path / "config.json").read_text() == saved


def test_a_refusal_says_which_drops_would_leave_the_past_as_it_was(tmp_path):
    run(tmp_path, num_steps=4, drops=(0.5,))
    with pytest.raises(InputError, match=r"--config\.train\.drops=\(0\.25,\) leaves the drops"):
        run(tmp_path, num_steps=8, drops=(0.5,))


def test_a_run_cannot_become_shorter_than_it_is(tmp_path):
    run(tmp_path, num_steps=6, **CONSTANT)
    with pytest.raises(InputError, match="4 steps are fewer than the 6 that were taken"):
        run(tmp_path, num_steps=4, **CONSTANT)


@pytest.mark.parametrize("field", ["num_frames", "mask_frames"])
def test_clips_that_hold_less_than_the_losses_read_are_bad_input(tmp_path, monkeypatch, field):
    monkeypatch.setattr(toy.ToyModel, "MASK_FRAMES", 2)
    config = toy.toy_config().copy_and_resolve_references().unlock()
    config.data.clip.update(num_frames=2, mask_frames=2)
    config.data.clip[field] = 1
    with pytest.raises(InputError, match=f"config.data.clip.{field}: expected at least 2 for this"):
        train.train(config.lock(), Workdir(tmp_path, json.loads(config.to_json())))


def test_checkpoints_say_what_the_labels_mean_and_other_labels_are_refused(tmp_path, monkeypatch):
    run(tmp_path)
    assert checkpoint_categories(tmp_path) == toy.ToyData.categories
    monkeypatch.setattr(toy.ToyData, "categories", toy.ToyData.categories[::-1])
    with pytest.raises(InputError, match="checkpoint 6 was trained on category 1, category 2"):
        run(tmp_path)
