import json
import pathlib

import pytest

from experiments.harness import datasets
from experiments.harness.datasets import DATASETS, OVIS, QUICKSTART, YOUTUBE_VIS_2019
from experiments.harness.runs import base_configuration
from ovis_jax.formats.errors import InputError

FIELDS = ("data.train_annotations", "data.train_images")


@pytest.mark.parametrize("layout", ["annotations_train.json", "train.json", "train/instances.json"])
def test_annotations_are_found_in_every_official_layout(tmp_path, layout):
    dataset = OVIS if layout.startswith("annotations") else YOUTUBE_VIS_2019
    (tmp_path / "train/JPEGImages").mkdir(parents=True)
    (tmp_path / layout).touch()
    places = dataset.places(tmp_path)
    assert places["data.train_annotations"] == str(tmp_path / layout)
    images = tmp_path / ("train" if dataset is OVIS else "train/JPEGImages")
    assert places["data.train_images"] == str(images)
    dataset.prepare(tmp_path, FIELDS)


@pytest.mark.parametrize("name", ["quickstart", "ovis"])
def test_the_usual_places_are_those_of_the_configurations(name):
    config = base_configuration(DATASETS[name].configuration("masktrack_rcnn"))
    for field, place in DATASETS[name].places(None).items():
        assert _value(config, field) == place


def _value(config, field):
    for part in field.split("."):
        config = config[part]
    return config


def test_a_configuration_for_the_data_set_goes_before_one_for_ovis(monkeypatch):
    known = ["other_r50_ovis", "other_r50_ytvis2019", "one_r50_ovis"]
    monkeypatch.setattr(datasets, "configuration_names", lambda: known)
    assert YOUTUBE_VIS_2019.configuration("other") == "other_r50_ytvis2019"
    assert YOUTUBE_VIS_2019.configuration("one") == "one_r50_ovis"
    assert OVIS.configuration("other") == "other_r50_ovis"
    assert OVIS.configuration("to_come") == "to_come_r50_ovis"


def test_images_of_the_quickstart_are_generated_beside_its_videos(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "NUM_STILLS", 1)
    monkeypatch.setattr(datasets.os, "cpu_count", lambda: 1)
    folder = tmp_path / "videos"
    QUICKSTART.prepare(folder, datasets.STILLS)
    places = [QUICKSTART.places(folder)[field] for field in datasets.STILLS]
    assert len(json.loads(pathlib.Path(places[0]).read_text())["images"]) == 1
    assert len(list(pathlib.Path(places[1]).iterdir())) == 1
    assert not folder.exists()


def test_data_that_cannot_be_generated_are_bad_input(tmp_path):
    with pytest.raises(InputError, match="annotations_train.json"):
        OVIS.prepare(tmp_path, FIELDS)
