"""Every configuration, and every row of an experiment, describes a model that can be built."""

import ast
import functools
import importlib
import pathlib

import jax
import pytest
from flax import traverse_util
from ml_collections import ConfigDict

from ovis_jax.models.build import build_model
from ovis_jax.training.optimizer import decayed_parameters, rate_factors, trained_parameters

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = sorted(
    path.stem for path in (ROOT / "configs").glob("*.py") if "get_config" in path.read_text()
)
ROWS = {
    f"{path.stem}: {run.label}": run
    for path in sorted((ROOT / "experiments").glob("*.py"))
    for run in getattr(importlib.import_module(f"experiments.{path.stem}"), "RUNS", ())
}


def load(name: str) -> ConfigDict:
    return importlib.import_module(f"configs.{name}").get_config()


def numbered(config: ConfigDict) -> ConfigDict:
    """The configuration with numbers where it takes those of the annotations."""
    for field in {"num_classes", "num_identities"} & set(config.model):
        config.model[field] = config.model[field] or 3
    return config


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_is_locked_and_names_parameters_that_exist(name):
    config = load(name)
    assert config.is_locked
    params = build_model(numbered(config))[1]["params"]
    for path in config.train.undecayed:
        assert not all(jax.tree.leaves(decayed_parameters(params, (path,))))
    for path in config.train.frozen:  # a path of no parameter is an error
        assert not all(jax.tree.leaves(trained_parameters(params, (path,))))
    for path, factor in config.train.slowed:
        assert rate_factors(params, ((path, factor),)) is not None, path


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_an_experiment_sets_fields_that_exist_to_values_of_their_type(row):
    config = load(ROWS[row].config)
    for field, value in ROWS[row].overrides.items():
        if isinstance(functools.reduce(getattr, field.split("."), config), tuple):
            value = ast.literal_eval(value)  # as the command line reads it
        config.update_from_flattened_dict({field: value})
    assert traverse_util.flatten_dict(build_model(numbered(config))[1]["params"])


def test_ioutracker_plus_has_the_parameters_of_the_detector_whose_checkpoints_it_reads():
    own, detector = (
        build_model(load(name))[1]
        for name in ("ioutracker_plus_quickstart", "quickstart_masktrack")
    )
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), shapes) for shapes in (own, detector)]
    assert shapes[0] == shapes[1]
