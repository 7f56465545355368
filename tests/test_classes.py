"""Which classes a model has: of the annotations, of a checkpoint, and when they do not fit."""

import dataclasses
import types

import jax
import numpy as np
import pytest
import tiny_ovis
from tiny_run import get_config

from ovis_jax import main, train
from ovis_jax.checkpoints.store import save_variables
from ovis_jax.classes import (
    UNKNOWN_CLASSES,
    ModelClasses,
    as_records,
    check_classes,
    check_same_classes,
    check_start,
    classes_of_checkpoint,
    classes_of_training,
)
from ovis_jax.formats.annotations import Category, Header
from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model, class_layers

CLASS_LAYERS = ["box/deltas", "box/logits", "mask/logits"]


def named(*names, first=1):
    return tuple(Category(number, name) for number, name in enumerate(names, start=first))


def samples(*names):
    return types.SimpleNamespace(
        categories=named(*names), num_categories=len(names), path="train.json"
    )


def config_of(folder, num_classes=0):
    config = get_config().unlock()
    paths = tiny_ovis.tiny_config(folder / "annotations.json", folder / "frames")
    config.data.update(paths)
    config.model.num_classes = num_classes
    return config.lock()


def test_no_number_of_classes_is_that_of_the_training_annotations(tmp_path):
    tiny_ovis.write_tiny_ovis(tmp_path)
    config = config_of(tmp_path)
    sized, classes = main.known_classes(config, str(tmp_path), "train")
    assert classes.categories == (Category(3, "red"), Category(7, "green"))
    assert sized.model.num_classes == 2 and sized.is_locked and config.model.num_classes == 0
    assert classes_of_training(config).sized(config_of(tmp_path, 9)).model.num_classes == 9
    for path in ("model", "train", "data"):
        own, other = sized[path].to_dict(), config_of(tmp_path, 2)[path].to_dict()
        assert own == other


def test_without_training_the_checkpoint_says_it(tmp_path):
    config = config_of(tmp_path)
    save_variables(tmp_path / "old", {"x": np.zeros(2)}, {})
    save_variables(tmp_path / "new", {"x": np.zeros(2)}, {"categories": as_records(named("ant"))})
    known = classes_of_checkpoint(tmp_path / "new")
    assert known.categories == named("ant") and known.sized(config).model.num_classes == 1
    for folder in ("old", "none"):
        with pytest.raises(InputError, match=f"num_classes: 0, and .*{folder} holds no checkpoint"):
            classes_of_checkpoint(tmp_path / folder).sized(config)
        unknown = classes_of_checkpoint(tmp_path / folder)
        assert unknown.sized(config_of(tmp_path, 5)).model.num_classes == 5


def test_a_model_without_a_number_of_classes_is_not_built(tmp_path):
    with pytest.raises(InputError, match="config.model.num_classes: 0, expected at least 1"):
        build_model(config_of(tmp_path))


def test_a_file_has_its_own_ids_for_the_labels():
    known = ModelClasses(named("bee", "ant"), "train.json")
    file = Header((), named("ant", "bee", first=30))
    assert known.ids_in(file, "valid.json", 2) == [31, 30]
    assert UNKNOWN_CLASSES.ids_in(file, "valid.json", 2) == [30, 31]
    with pytest.raises(InputError, match="valid.json: categories: lacks 'wasp'"):
        ModelClasses(named("bee", "ant", "wasp"), "train.json").ids_in(file, "valid.json", 3)
    with pytest.raises(InputError, match="valid.json: categories: 2 entries, .* has 3 classes"):
        UNKNOWN_CLASSES.ids_in(file, "valid.json", 3)


def test_other_numbers_of_classes_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="3 entries, but .* 9 classes; --config.model.num_classes"):
        check_classes(samples("a", "b", "c"), config_of(tmp_path, 9))


def test_a_run_goes_on_with_the_categories_it_began_with():
    saved = as_records(named("ant", "bee"))
    check_same_classes(saved, samples("ant", "bee"), "run")
    check_same_classes(None, samples("ant", "bee"), "of before names were kept")
    with pytest.raises(InputError, match="train.json: categories: bee, ant; run was .* ant, bee"):
        check_same_classes(saved, samples("bee", "ant"), "run")


def test_the_layers_that_depend_on_the_classes_are_known(tmp_path):
    assert sorted(class_layers(config_of(tmp_path, 2))) == CLASS_LAYERS


def start(folder, checkpoint, fresh=(), num_classes=2):
    config = config_of(folder, num_classes).unlock()
    config.train.update(init_checkpoint=str(checkpoint), fresh=fresh)
    return config.lock()


def test_layers_of_other_categories_are_no_start_unless_they_start_anew(tmp_path):
    save_variables(tmp_path / "c", {"x": np.zeros(2)}, {"categories": as_records(named("a", "b"))})
    check_start(start(tmp_path, tmp_path / "c"), samples("a", "b"))
    for fresh in (("classes",), tuple(CLASS_LAYERS)):
        check_start(start(tmp_path, tmp_path / "c", fresh), samples("b", "c"))
    with pytest.raises(InputError) as error:
        check_start(start(tmp_path, tmp_path / "c", ("box/logits",)), samples("b", "c"))
    assert "trained on the categories a, b, train.json has b, c" in str(error.value)
    assert "--config.train.fresh=\"('classes',)\"" in str(error.value)
    assert all(layer in str(error.value) for layer in CLASS_LAYERS)


def test_a_checkpoint_of_another_number_of_classes_gives_all_other_layers(tmp_path, monkeypatch):
    def numbers(config, seed):
        rng = np.random.default_rng(seed)
        shapes = build_model(config)[1]
        return jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), shapes)

    held = numbers(start(tmp_path, "", num_classes=5), 0)
    save_variables(tmp_path / "c", held, {})
    config = start(tmp_path, tmp_path / "c", ("classes",))
    drawn = numbers(config, 1)
    monkeypatch.setattr(train, "init_variables", lambda system, key: drawn)
    got = train.first_variables(config, *build_model(config))
    for part in got["params"]:
        for layer, leaves in got["params"][part].items():
            new = f"{part}/{layer}" in CLASS_LAYERS
            want = (drawn if new else held)["params"][part][layer]
            jax.tree.map(np.testing.assert_array_equal, leaves, want)
    with pytest.raises(InputError, match="box/deltas/bias: shape"):
        train.first_variables(start(tmp_path, tmp_path / "c"), *build_model(config))


def test_a_class_of_a_checkpoint_is_kept_as_it_is():
    records = as_records(named("ant", first=7))
    assert records == [{"id": 7, "name": "ant"}]
    assert dataclasses.asdict(Category(**records[0])) == records[0]
