"""Published files become checkpoints that training starts from and prediction reads."""

import argparse
import json
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
from flax import traverse_util
from weights.numbers_by_name import numbers_of
from weights.small_model import (
    published_file,
    random_variables,
    small_config,
    small_crossvis_config,
)

from ovis_jax.checkpoints.folders import checkpoint_categories
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.errors import InputError
from ovis_jax.identities import sized_by_checkpoint
from ovis_jax.models.build import build_model
from ovis_jax.predict import load_model
from ovis_jax.tools import import_weights as tool
from ovis_jax.tools.import_weights import (
    Source,
    category_summary,
    import_weights,
    summary,
)
from ovis_jax.train import first_variables
from ovis_jax.weights.maps.parts import resnet_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import to_state_dict

WRITTEN_BY_TORCH = pathlib.Path(__file__).parents[1] / "recorded/weights/crossvis.pth"
CONFIG_FILE = """
import sys
sys.path[:0] = ["tests"]
from weights.small_model import small_config

def get_config():
    return small_config()
"""


def flat(variables):
    return traverse_util.flatten_dict(variables, sep="/")


def test_a_whole_model_is_what_prediction_reads(tmp_path):
    source, want = published_file(tmp_path / "x.npz", **{"bn.num_batches_tracked": np.int64(7)})
    conversion = import_weights(source, "cmasktrack_rcnn", small_config(), tmp_path / "out")
    assert summary(conversion).splitlines() == [
        f"used: {len(flat(want))} tensors",
        "unused: 1 tensors (1 *.num_batches_tracked)",
        "newly initialised: 0 variables",
    ]
    _, got = load_model(small_config(), tmp_path / "out")
    assert flat(got).keys() == flat(want).keys()
    for path, value in flat(got).items():
        np.testing.assert_array_equal(value, flat(want)[path], err_msg=path)


def test_a_file_that_detectron2_saved_in_training_becomes_crossvis(tmp_path, monkeypatch):
    config = small_crossvis_config(num_identities=0)  # of annotations, of which there are none
    shapes = build_model(small_crossvis_config(num_identities=3))[1]
    drawn = random_variables(shapes, seed=1)
    monkeypatch.setattr(tool, "init_variables", lambda system, key: drawn)
    conversion = import_weights(WRITTEN_BY_TORCH, "crossvis", config, tmp_path / "out")
    lines = summary(conversion).splitlines()
    assert "newly initialised: 11 variables (9 calibration, 2 identity)" in lines
    assert sum(map(len, conversion.unused.values())) == 5
    config = sized_by_checkpoint(config, tmp_path / "out")
    _, got = load_model(config, tmp_path / "out")
    theirs = to_state_dict(got, NAME_MAPS["crossvis"].name_map(resnet_model(18)).rules)
    assert len(theirs) > 100 and any(name.endswith("running_mean") for name in theirs)
    for name, value in theirs.items():
        np.testing.assert_array_equal(value, numbers_of(name, value.shape), err_msg=name)
    new = [path for paths in conversion.fresh.values() for path in paths]
    assert len(flat(got)) == len(theirs) + len(new)
    for path in new:
        np.testing.assert_array_equal(flat(got)[path], flat(drawn)[path], err_msg=path)


def test_training_starts_from_the_parts_of_a_detector_and_fresh_ones(tmp_path):
    model, config = "torchvision_mask_rcnn", small_config(calibrated=False).unlock()
    classes = {"roi_heads.box_predictor.cls_score.weight": np.zeros((91, 16), np.float32)}
    source, want = published_file(tmp_path / "x.npz", model, **classes)
    conversion = import_weights(source, model, config, tmp_path / "out")
    assert summary(conversion).splitlines()[1:] == [
        "unused: 1 tensors (1 roi_heads.box_predictor.cls_score.*)",
        "newly initialised: 10 variables (2 box/deltas, 2 box/logits, 2 mask/logits, 4 track)",
    ]
    config.train.init_checkpoint = str(tmp_path / "out")
    started = flat(first_variables(config, *build_model(config)))
    new = {path for paths in conversion.fresh.values() for path in paths}
    for path, value in started.items():
        if path not in new:
            np.testing.assert_allclose(value, flat(want)[path], rtol=1e-6, err_msg=path)
    assert not np.any(started["params/box/logits/bias"])
    assert 0.005 < np.std(started["params/box/logits/kernel"]) < 0.015  # as the head begins


def wrapped(path, prefix, model="cmasktrack_rcnn", **more):
    """As `published_file`, with something before every name."""
    _, variables = published_file(path, model)
    with np.load(path) as file:
        state = {prefix + name: x for name, x in file.items()}
    np.savez(path, **state | more)
    return path, variables


@pytest.mark.parametrize(
    ("prefix", "more", "notes"),
    [
        ("module.", {"n_averaged": np.array(3)}, 2),
        ("_orig_mod.module.", {}, 2),
        ("model.", {}, 1),
        ("model._orig_mod.module.", {"model.n_averaged": np.array(3)}, 3),
    ],
)
def test_what_wrappers_put_before_all_names_is_removed_and_said(prefix, more, notes, tmp_path):
    source, want = wrapped(tmp_path / "x.npz", prefix, **more)
    conversion = import_weights(source, "cmasktrack_rcnn", small_config(), tmp_path / "out")
    lines = summary(conversion).splitlines()
    assert len(lines) == notes + 3 and lines[-3] == f"used: {len(flat(want))} tensors"
    assert all(line.startswith(("removed: ", "left out: ")) for line in lines[:-3])
    for path, value in flat(load_model(small_config(), tmp_path / "out")[1]).items():
        np.testing.assert_array_equal(value, flat(want)[path], err_msg=path)


def test_what_stands_beside_the_model_in_a_program_needs_a_choice(tmp_path):
    more = {"criterion.weight": np.zeros(3, np.float32)}
    source, want = wrapped(tmp_path / "x.npz", "model.", **more)
    arguments = ("cmasktrack_rcnn", small_config(), tmp_path / "out")
    with pytest.raises(InputError, match="criterion.weight; --prefix=model. leaves those out"):
        import_weights(source, *arguments)
    conversion = import_weights(Source(source, prefix="model."), *arguments)
    assert len(conversion.values) == len(flat(want))
    assert "left out: 1 tensors without model. (criterion.weight)" in summary(conversion)


def test_the_entry_of_a_checkpoint_can_be_chosen(tmp_path):
    source, want = published_file(tmp_path / "x.npz")
    with np.load(source) as file:
        state = dict(file)
    other = {name: x * 0 for name, x in state.items()}
    beside = {"args": argparse.Namespace(lr=0.1), "model_ema": state, "model": other}
    (tmp_path / "x.pth").write_bytes(pickle.dumps(beside))
    source = Source(tmp_path / "x.pth", entry="model_ema")
    import_weights(source, "cmasktrack_rcnn", small_config(), tmp_path / "out")
    for path, value in flat(load_model(small_config(), tmp_path / "out" / "0")[1]).items():
        np.testing.assert_array_equal(value, flat(want)[path], err_msg=path)
    conversion = import_weights(source.path, "cmasktrack_rcnn", small_config(), tmp_path / "other")
    said = "read: model (also there: model_ema; --entry chooses)"
    assert summary(conversion).splitlines()[0] == said


def test_a_file_of_another_model_is_refused_in_one_line(tmp_path):
    source, _ = published_file(tmp_path / "x.npz")
    with pytest.raises(InputError) as error:
        import_weights(source, "masktrack_rcnn", small_config(), tmp_path / "out")
    assert str(error.value) == (
        f"{source}: has the names of cmasktrack_rcnn with a ResNet of depth 18, "
        "expected masktrack_rcnn with a ResNet of depth 18"
    )
    assert not (tmp_path / "out").exists()


def test_classes_begin_with_those_of_coco_when_the_data_set_is_named(tmp_path, monkeypatch):
    model, config = "mmdet2_mask_rcnn", small_config(num_classes=25)
    drawn = random_variables(build_model(config)[1])  # in place of a compiled initialisation
    monkeypatch.setattr(tool, "init_variables", lambda system, key: drawn)
    head = "roi_head.bbox_head"
    classes = {
        f"{head}.fc_cls.weight": np.ones((81, 16), np.float32),
        f"{head}.fc_cls.bias": np.arange(81, dtype=np.float32),
        f"{head}.fc_reg.weight": np.zeros((320, 16), np.float32),
        f"{head}.fc_reg.bias": np.zeros(320, np.float32),
        "roi_head.mask_head.conv_logits.weight": np.zeros((80, 8, 1, 1), np.float32),
        "roi_head.mask_head.conv_logits.bias": np.zeros(80, np.float32),
    }
    source, _ = published_file(tmp_path / "x.npz", model, **classes)
    conversion = import_weights(source, model, config, tmp_path / "out", "ovis")
    assert set(conversion.fresh) == {"track", "calibration"} and not conversion.unused
    bias = np.asarray(flat(load_model(config, tmp_path / "out")[1])["params/box/logits/bias"])
    # background, Person, Vehical from car (2), bus (5) and truck (7)
    np.testing.assert_allclose(bias[[0, 1, 25]], [80, 0, 14 / 3], rtol=1e-6)
    assert category_summary("ovis") == (
        "classes: 19 of 25 begin with those of COCO; "
        "newly initialised: Lizard, Monkey, Rabbit, Tiger, Fish, Turtle"
    )


def test_the_number_of_classes_is_that_of_the_categories(tmp_path):
    config, output = small_config(num_classes=3), tmp_path / "out"
    with pytest.raises(InputError, match="num_classes: 3, expected 25"):
        import_weights(tmp_path / "never read", "mmdet2_mask_rcnn", config, output, "ovis")
    config = small_config(num_classes=0)
    with pytest.raises(InputError, match="--categories: missing; config.model.num_classes is 0"):
        import_weights(tmp_path / "never read", "mmdet2_mask_rcnn", config, output)
    with pytest.raises(InputError, match="none.json: expected an annotation file or one of ovis"):
        import_weights(tmp_path / "never read", "timm_resnet", config, output, "none.json")


def own_categories(folder, *names):
    path = folder / "own.json"
    categories = [{"id": 10 * n, "name": name} for n, name in enumerate(names, start=1)]
    path.write_text(json.dumps({"videos": [], "categories": categories, "annotations": []}))
    return str(path)


def test_a_whole_model_starts_one_of_other_categories_with_new_class_layers(tmp_path, monkeypatch):
    config, own = small_config(num_classes=0), own_categories(tmp_path, "ant", "bee", "wasp")
    drawn = random_variables(build_model(small_config(num_classes=3))[1])
    monkeypatch.setattr(tool, "init_variables", lambda system, key: drawn)
    source, held = published_file(tmp_path / "x.npz")  # of three classes, but who knows which
    conversion = import_weights(source, "cmasktrack_rcnn", config, tmp_path / "out", own)
    assert set(conversion.fresh) == {"box/logits", "box/deltas", "mask/logits"}
    assert len(conversion.unused) == 6 and "newly initialised: 6 variables" in summary(conversion)
    got = flat(load_model(small_config(num_classes=3), tmp_path / "out")[1])
    for path in ("params/box/logits/bias", "params/mask/logits/kernel"):
        np.testing.assert_array_equal(got[path], flat(drawn)[path])
    kept = "params/rpn/hidden/bias"
    np.testing.assert_array_equal(got[kept], flat(held)[kept])
    known = checkpoint_categories(tmp_path / "out")
    assert known == (Category(10, "ant"), Category(20, "bee"), Category(30, "wasp"))


def test_nothing_is_written_unless_everything_fits(tmp_path):
    source, _ = published_file(tmp_path / "x.npz", **{"fc.weight": np.zeros(3)})
    with pytest.raises(InputError, match=r"x.npz: fc.weight: unknown tensor of shape \(3,\)"):
        import_weights(source, "cmasktrack_rcnn", small_config(), tmp_path / "out")
    source, _ = published_file(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"fc_cls.weight: shape \(4, 16\), expected \(6, 16\)"):
        import_weights(source, "cmasktrack_rcnn", small_config(num_classes=5), tmp_path / "out")
    with pytest.raises(InputError, match="the model has no params/calibration"):
        import_weights(source, "cmasktrack_rcnn", small_config(calibrated=False), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_used_is_bad_input(tmp_path):
    source, _ = published_file(tmp_path / "x.npz")
    with pytest.raises(InputError, match="is a file"):
        import_weights(source, "cmasktrack_rcnn", small_config(), source)
    with pytest.raises(InputError, match="cannot be written"):
        import_weights(source, "cmasktrack_rcnn", small_config(), source / "below")
    import_weights(source, "cmasktrack_rcnn", small_config(), tmp_path / "out")
    with pytest.raises(InputError, match="holds a checkpoint already"):
        import_weights(source, "cmasktrack_rcnn", small_config(), tmp_path / "out")


def test_a_model_of_a_size_that_nobody_published_is_bad_input(tmp_path):
    config = small_config().unlock()
    config.model.backbone = {"name": "another one"}
    with pytest.raises(InputError, match="config.model.backbone.name is 'another one'"):
        NAME_MAPS["timm_resnet"].name_map(config.model)
    config.model.backbone = {"depth": 51}
    with pytest.raises(InputError, match="config.model.backbone.depth: 51, expected one of .18"):
        NAME_MAPS["timm_resnet"].name_map(config.model)


def run(*arguments):
    command = [sys.executable, "-m", "ovis_jax.tools.import_weights", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_writes_a_checkpoint_and_says_what_it_used(tmp_path):
    source, _ = published_file(tmp_path / "x.npz")
    (tmp_path / "config.py").write_text(CONFIG_FILE)
    more = {"metric.total": np.zeros(())}
    source, _ = wrapped(source, "net.", **more)
    arguments = [f"--source={source}", "--model=cmasktrack_rcnn", f"--output={tmp_path}/out"]
    done = run(*arguments, f"--config={tmp_path}/config.py", "--prefix=net")
    assert done.returncode == 0, done.stderr
    said = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert said == ["removed", "left out", "used", "unused", "newly initialised"]
    load_model(small_config(), tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=cmasktrack_rcnn"], "missing.pth: expected a file of weights"),
        (["--model=unknown_model"], "unknown_model"),
    ],
)
def test_bad_input_ends_with_one_line_and_exit_code_2(arguments, message, tmp_path):
    done = run(f"--source={tmp_path}/missing.pth", f"--output={tmp_path}/out", *arguments)
    assert done.returncode == 2 and not done.stdout and not (tmp_path / "out").exists()
    assert len(done.stderr.splitlines()) == 1 and message in done.stderr
