"""Clips know how much of an object is hidden, where the annotations say it."""

import io
import json
import pathlib
import shutil

import numpy as np
import pytest
from ml_collections import ConfigDict
from tiny_downloads import build, write_ovis_download
from tiny_ovis import tiny_config

from ovis_jax.data.samples import open_training_data
from ovis_jax.data.tfds.records_config import FRAMES
from ovis_jax.data.videos.record_index import index_path
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.errors import InputError
from ovis_jax.structures import UNKNOWN_OCCLUSION
from ovis_jax.train import check_occlusion_levels

CAPACITY, SEED = 4, 3
LEARNS = ConfigDict({"model": {"occlusion": {"level_loss": 1.0}}})


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    """All objects but the first have levels, which change from frame to frame."""
    download = write_ovis_download(tmp_path_factory.mktemp("ovis"))
    path = download / "annotations_train.json"
    document = json.loads(path.read_text())
    for number, own in enumerate(document["annotations"][1:], start=1):
        own["occlusion"] = [
            area and OCCLUSION_LEVELS[(number + frame) % 3]
            for frame, area in enumerate(own["areas"])
        ]
    path.write_text(json.dumps(document))
    return download


@pytest.fixture
def config(download):
    return tiny_config(download / "annotations_train.json", download / "train")


def levels(config):
    """((identity, frame), level) of all objects of some clips."""
    data = open_training_data(config, CAPACITY)
    found = []
    for sample in range(data.num_samples):
        draw = data.draw(SEED, sample, sample)
        own = data.clip(draw).instances
        for t, slot in np.argwhere(own.valid):
            found.append(((int(own.identities[t, slot]), draw.frames[t]), own.occlusion[t, slot]))
        assert not own.occlusion[~own.valid].any()
    return found


def test_objects_have_the_level_of_their_frame_or_none(config):
    for (identity, frame), level in (found := levels(config)):
        assert level == ((identity + frame) % 3 if identity else UNKNOWN_OCCLUSION)
    assert {level for _, level in found} == {UNKNOWN_OCCLUSION, 0, 1, 2}


def test_records_have_the_levels_of_the_raw_folder(config, download):
    want = levels(config)
    config.train_records = str(build("ovis", FRAMES, download).data_dir)
    config.train_annotations = config.train_images = "/none"
    assert levels(config) == want


def test_learning_levels_that_nobody_annotated_is_an_input_error(config, download, tmp_path):
    check_occlusion_levels(open_training_data(config, CAPACITY), LEARNS)
    config.train_annotations = str(download / "annotations_valid.json")  # without levels
    config.train_images = str(download / "valid")
    without = open_training_data(config, CAPACITY)
    check_occlusion_levels(without, ConfigDict({"model": {}}))
    with pytest.raises(InputError, match=r"annotations_valid.json: .*level_loss learns from"):
        check_occlusion_levels(without, LEARNS)


def test_records_of_earlier_versions_have_no_levels(config, download, tmp_path):
    folder = tmp_path / "ovis/frames/1.0.0"
    shutil.copytree(build("ovis", FRAMES, download).data_dir, folder)
    path = pathlib.Path(index_path(folder, "train"))
    with np.load(io.BytesIO(path.read_bytes())) as file:
        arrays = {name: file[name] for name in file.files if name != "occlusion"}
    np.savez_compressed(path, **arrays)
    config.train_records = str(folder)
    assert {level for _, level in levels(config)} == {UNKNOWN_OCCLUSION}
    with pytest.raises(InputError, match="records of earlier versions have none"):
        check_occlusion_levels(open_training_data(config, CAPACITY), LEARNS)
