"""Which model a run is of: what it has trained, or the weights that it was given."""

import json
import pathlib

import numpy as np
import pytest

import ovis_jax
from experiments.harness.run_models import run_model
from ovis_jax.formats.errors import InputError
from ovis_jax.predict.trained import checkpoint_config, load_trained

DEMO = pathlib.Path(ovis_jax.__file__).parent / "demo" / "model.npz"


def test_a_run_that_has_only_predicted_is_of_the_weights_that_it_was_given(tmp_path):
    config = checkpoint_config(DEMO)
    config.train.init_checkpoint = str(DEMO)
    (tmp_path / "config.json").write_text(config.to_json())
    got, want = run_model(tmp_path), load_trained(DEMO)
    kernels = [x.variables["params"]["track"] for x in (got, want)]
    leaves = [np.concatenate([np.ravel(y) for y in _leaves(x)]) for x in kernels]
    np.testing.assert_array_equal(*leaves)


def test_a_run_without_weights_is_refused(tmp_path):
    config = json.loads(checkpoint_config(DEMO).to_json())
    config["train"]["init_checkpoint"] = ""
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError):
        run_model(tmp_path)


def _leaves(tree):
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in _leaves(tree[key])]
    return [np.asarray(tree)]
