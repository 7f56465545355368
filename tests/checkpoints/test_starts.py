"""What training starts from."""

import jax
import numpy as np
import pytest
from models.tiny import tiny_config

from ovis_jax.checkpoints.starts import start_variables
from ovis_jax.checkpoints.store import save_variables
from ovis_jax.formats.errors import InputError
from ovis_jax.models.batch_norm import RUNNING_STATS
from ovis_jax.models.build import build_model, init_variables
from ovis_jax.train import first_variables


def started(checkpoint="", fresh=(), calibrated=True):
    config = tiny_config(calibrated).copy_and_resolve_references()
    config.unlock()
    config.train.update(init_checkpoint=str(checkpoint), fresh=fresh)
    system, shapes = build_model(config)
    return first_variables(config, system, shapes)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A checkpoint of the network without calibration, whose parameters are told apart."""
    system, _ = build_model(tiny_config(calibrated=False))
    variables = init_variables(system, jax.random.key(7))
    folder = tmp_path_factory.mktemp("detector") / "checkpoints"
    save_variables(folder, variables, {})
    return folder, variables


def test_a_part_that_the_checkpoint_lacks_starts_anew(detector):
    folder, variables = detector
    params, anew = started(folder, ("calibration",))["params"], started()["params"]
    assert set(params) == set(anew)
    jax.tree.map(np.testing.assert_array_equal, params.pop("calibration"), anew["calibration"])
    jax.tree.map(np.testing.assert_array_equal, params, dict(variables["params"]))


def test_running_statistics_of_a_part_start_anew_with_it(tmp_path):
    def variables(value):
        parts = {name: {"x": np.full(2, value, np.float32)} for name in ("body", "head")}
        return {"params": parts, RUNNING_STATS: parts}

    save_variables(tmp_path, variables(1.0), {})
    new, old = variables(0.0), variables(1.0)
    got = start_variables(lambda: new, jax.eval_shape(lambda: new), str(tmp_path), ("head",))
    for kind in got:
        np.testing.assert_array_equal(got[kind]["body"]["x"], old[kind]["body"]["x"])
        np.testing.assert_array_equal(got[kind]["head"]["x"], new[kind]["head"]["x"])


def test_without_a_fresh_part_the_checkpoint_must_hold_everything(detector):
    with pytest.raises(InputError, match="calibration/.*is missing"):
        started(detector[0])
    jax.tree.map(np.testing.assert_array_equal, started(detector[0], calibrated=False), detector[1])


def test_a_fresh_part_that_the_model_lacks_is_bad_input(detector):
    with pytest.raises(InputError, match="config.train.fresh: 'tail'"):
        started(detector[0], ("tail",))
