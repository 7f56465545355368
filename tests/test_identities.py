"""How many identities a model has: those of the annotations, or of a checkpoint."""

import types

import numpy as np
import pytest
import tiny_coco
import tiny_ovis
from test_classes import config_of
from tiny_run import get_config

from ovis_jax import main
from ovis_jax.checkpoints.packed import write_packed
from ovis_jax.checkpoints.store import save_variables
from ovis_jax.data.samples import open_training_data
from ovis_jax.formats.errors import InputError
from ovis_jax.identities import (
    check_identities,
    identities_of,
    sized_as_saved,
    sized_by_checkpoint,
    sized_without_annotations,
)
from ovis_jax.models.build import build_model


def with_identities(config, number):
    config = config.copy_and_resolve_references().unlock()
    config.model.num_identities = number
    return config.lock()


def samples(num_identities):
    return types.SimpleNamespace(num_identities=num_identities, path="train.json")


def test_no_number_of_identities_is_that_of_the_training_annotations(tmp_path):
    tiny_ovis.write_tiny_ovis(tmp_path)
    config = config_of(tmp_path)
    for number, want in ((0, 2 * len(tiny_ovis.SIZES)), (9, 9)):
        sized, _ = main.known_classes(with_identities(config, number), str(tmp_path), "train")
        assert sized.model.num_identities == want and sized.is_locked
        assert identities_of(sized) == {"num_identities": want}
    assert "num_identities" not in main.known_classes(config, str(tmp_path), "train")[0].model


def test_without_training_the_checkpoint_says_it(tmp_path):
    config = with_identities(get_config(), 0)
    save_variables(tmp_path / "old", {"x": np.zeros(2)}, {})
    save_variables(tmp_path / "new", {"x": np.zeros(2)}, identities_of(with_identities(config, 7)))
    packed = tmp_path / "model.npz"
    write_packed(packed, {"x": np.zeros(2)}, {"model": {"num_identities": 7}}, (), {})
    for known in (tmp_path / "new", packed):
        assert sized_by_checkpoint(config, known).model.num_identities == 7
    for folder in ("old", "none"):
        with pytest.raises(InputError, match=f"num_identities: 0, and .*{folder} holds no check"):
            sized_by_checkpoint(config, tmp_path / folder)
        given = with_identities(config, 5)
        assert sized_by_checkpoint(given, tmp_path / folder).model.num_identities == 5
        assert sized_by_checkpoint(get_config(), tmp_path / folder) == get_config()


def test_another_number_than_the_annotations_have_says_what_to_do():
    check_identities(samples(7), with_identities(get_config(), 7))
    check_identities(samples(None), get_config())
    with pytest.raises(InputError, match="train.json: .*: 7 objects, .* 6 identities; --config"):
        check_identities(samples(7), with_identities(get_config(), 6))


def test_still_images_have_no_identities_to_classify(tmp_path):
    data = open_training_data(tiny_coco.mixed_config(tmp_path, image_share=0.5), 4)
    with pytest.raises(InputError, match="config.data.image_share: expected 0"):
        check_identities(data, with_identities(get_config(), 6))


def test_a_model_without_a_number_of_identities_is_not_built():
    with pytest.raises(InputError, match="config.model.num_identities: 0, expected at least 1"):
        build_model(with_identities(get_config(), 0))


def test_a_saved_configuration_or_nobody_says_it():
    config, other = with_identities(get_config(), 0), with_identities(get_config(), 9)
    saved = with_identities(get_config(), 7).to_dict()
    assert sized_as_saved(config, saved).model.num_identities == 7
    assert sized_as_saved(config, {"model": {}}) == config
    assert sized_without_annotations(config).model.num_identities == 3
    for sized in (sized_as_saved(other, saved), sized_without_annotations(other)):
        assert sized == other
