"""Every configuration, and every row of an experiment, describes a model that can be built."""

import ast
import functools
import importlib
import pathlib

import jax
import pytest
from ml_collections import ConfigDict

from experiments.harness.datasets import DATASETS
from experiments.harness.experiment import Experiment
from ovis_jax.data.augment.settings import NO_AUGMENTATION
from ovis_jax.data.augment.views import Views
from ovis_jax.data.from_config import training_settings
from ovis_jax.models.build import build_model
from ovis_jax.training.optimizer import decayed_parameters, rate_factors, trained_parameters

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = sorted(
    path.stem for path in (ROOT / "configs").glob("*.py") if "get_config" in path.read_text()
)
EXPERIMENTS: dict[str, Experiment] = {
    path.stem: module.EXPERIMENT
    for path in sorted((ROOT / "experiments").glob("*.py"))
    if hasattr(module := importlib.import_module(f"experiments.{path.stem}"), "EXPERIMENT")
}
ROWS = {
    f"{name} on {dataset.name}: {run.label}": (run, dataset)
    for name, experiment in EXPERIMENTS.items()
    for dataset in ([experiment.dataset] if experiment.dataset else DATASETS.values())
    for run in experiment.ready(dataset)[0]
}
SMALL = [row for row, (_, dataset) in ROWS.items() if dataset.make]  # on generated data
# Other public data sets differ in files and classes; their configurations are built above.
FULL_SIZE = [row for row, (_, dataset) in ROWS.items() if dataset.name == "ovis"]
NUM_CLASSES = 3
_built: dict[str, dict] = {}  # parameters, by model


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
    params = parameters(numbered(config))
    for path in config.train.undecayed:
        assert not all(jax.tree.leaves(decayed_parameters(params, (path,))))
    for path in config.train.frozen:  # a path of no parameter is an error
        assert not all(jax.tree.leaves(trained_parameters(params, (path,))))
    for path, factor in config.train.slowed:
        assert rate_factors(params, ((path, factor),)) is not None, path


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_an_experiment_sets_fields_that_exist_to_values_of_their_type(row):
    assert configuration_of(row)


@pytest.mark.parametrize("row", SMALL)
def test_a_row_of_an_experiment_describes_a_model_that_can_be_built(row):
    assert parameters(configuration_of(row))


@pytest.mark.exhaustive
@pytest.mark.parametrize("row", FULL_SIZE)
def test_a_row_of_an_experiment_of_full_size_can_be_built(row):
    assert parameters(configuration_of(row))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_called_as_its_file_and_its_rows_start_from_rows(name):
    experiment = EXPERIMENTS[name]
    labels = [run.label for run in experiment.runs]
    assert experiment.name == name and len(set(labels)) == len(labels)
    for number, run in enumerate(experiment.runs):
        assert run.start in {*labels[:number], ""}
    assert not set(experiment.not_built) & set(labels)
    assert experiment.parts and experiment.title and experiment.question.endswith(("?", ".", ")"))
    known = {*labels, *experiment.paper.rows}
    assert set(experiment.paper.order) <= known


def test_every_table_and_figure_of_the_paper_has_an_experiment():
    names = set(EXPERIMENTS)
    for kind, numbers in (("table", range(1, 13)), ("figure", range(8, 12))):
        for number in numbers:
            assert any(name.startswith(f"{kind}{number}_") for name in names), (kind, number)


def configuration_of(row: str) -> ConfigDict:
    run, dataset = ROWS[row]
    config = load(dataset.configuration(run.system))
    for field, value in run.changes(dataset).items():
        if isinstance(functools.reduce(getattr, field.split("."), config), tuple):
            value = ast.literal_eval(value)  # as the command line reads it
        config.update_from_flattened_dict({field: value})
    return numbered(config)


def parameters(config: ConfigDict) -> dict:
    """Shapes of the parameters, but for those of the last layers: classes are always as many.

    What differs in the number of classes or in other fields has the same model.
    """
    config = config.copy_and_resolve_references()
    config.model.num_classes = NUM_CLASSES
    key = config.model.to_json(sort_keys=True) + config.capacity.to_json(sort_keys=True)
    if key not in _built:
        _built[key] = build_model(config)[1]["params"]
    return _built[key]


def test_ioutracker_plus_has_the_parameters_of_the_detector_whose_checkpoints_it_reads():
    own, detector = (
        build_model(load(name))[1]
        for name in ("ioutracker_plus_quickstart", "quickstart_masktrack")
    )
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), shapes) for shapes in (own, detector)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", CONFIGS)
def test_frames_of_the_quickstart_are_not_augmented_and_all_settings_make_sense(name):
    config = load(name)
    sampling = training_settings(config.data).sampling
    if name.startswith(("quickstart", "your_videos")):
        assert sampling.augmentation == NO_AUGMENTATION
    canvas = Views(sampling.resizing, sampling.augmentation).canvas(1920, 1080)
    assert all(side % config.data.pad_multiple == 0 for side in canvas)
