import json
import pathlib
import shutil

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.naming import ShardedFileTemplate
from tiny_downloads import build, write_ovis_download
from tiny_ovis import tiny_config

from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.tfds.records_config import FRAMES, RecordsConfig
from ovis_jax.data.videos.built_folder import read_built_folder
from ovis_jax.data.videos.record_files import ArrayRecordFiles, TFRecordFiles
from ovis_jax.data.videos.record_index import index_path
from ovis_jax.formats.errors import InputError

SCALE, CAPACITY = (48, 32), 4
PREPARED = {
    encoding: RecordsConfig(
        name=f"small_{encoding}",
        example="prepared_frame",
        image_scale=SCALE,
        image_encoding=encoding,
    )
    for encoding in ("raw", "png")
}
CONFIGS = [FRAMES, *PREPARED.values()]


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    return write_ovis_download(tmp_path_factory.mktemp("ovis"), valid_annotations=False)


@pytest.fixture(scope="module")
def built(download):
    """Folders of built data sets, made when they are asked for."""
    folders = {}

    def folder(config, file_format="array_record"):
        if (config.name, file_format) not in folders:
            output = download.parent / file_format
            options = dict(file_format=file_format, output=output, num_shards=2)
            folders[config.name, file_format] = build("ovis", config, download, **options).data_dir
        return str(folders[config.name, file_format])

    return folder


@pytest.fixture
def config(download):
    return tiny_config(download / "annotations_train.json", download / "train")


def _batches(config, count=8, **options):
    data = open_training_data(config, CAPACITY)
    batches = training_batches(data, **{"batch_size": 4, "seed": 5} | options)
    return [next(batches) for _ in range(count)]


def _assert_equal(got, want):
    jax.tree.map(np.testing.assert_array_equal, got, want)


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
@pytest.mark.parametrize("form", CONFIGS, ids=lambda form: form.name)
def test_records_give_the_batches_of_the_raw_folder(config, built, form, file_format):
    want = _batches(config, 12)  # every frame, flipped and not
    assert any(batch.instances.masks.any() for batch in want)
    config.train_records = built(form, file_format)
    config.train_annotations = config.train_images = "/none"
    for loader in ("tf_data", "threads"):
        _assert_equal(_batches(config, 12, loader=loader), want)


@pytest.mark.parametrize("form", CONFIGS, ids=lambda form: form.name)
def test_crowds_that_stand_before_an_object_do_not_take_its_place(tmp_path, form):
    download = write_ovis_download(tmp_path)
    path = download / "annotations_train.json"
    document = json.loads(path.read_text())
    for annotation in document["annotations"]:
        annotation["iscrowd"] = int(annotation["category_id"] == 3)  # the first of each video
    path.write_text(json.dumps(document))
    config = tiny_config(path, download / "train")
    want = _batches(config)
    assert all((batch.instances.valid[:, 0].sum(axis=1) == 1).all() for batch in want)
    config.train_records = str(build("ovis", form, download).data_dir)
    _assert_equal(_batches(config), want)


@pytest.mark.parametrize("form", CONFIGS, ids=lambda form: form.name)
def test_a_restart_from_records_continues_with_the_same_batches(config, built, form):
    config.train_records = built(form)
    _assert_equal(_batches(config, 3, start_step=5), _batches(config, 8)[5:])


def test_samples_are_named_and_counted_as_those_of_the_raw_folder(config, built):
    raw = open_training_data(config, 1)
    config.train_records = built(FRAMES)
    data = open_training_data(config, 1)
    assert [data.describe(i) for i in range(data.num_samples)] == [
        raw.describe(i) for i in range(raw.num_samples)
    ]
    assert data.num_dropped == raw.num_dropped and data.num_categories == raw.num_categories


def test_records_prepared_for_another_size_are_an_input_error(config, built):
    config.train_records, config.image_scale = built(PREPARED["raw"]), (64, 40)
    with pytest.raises(InputError, match=r"prepared for \(48, 32\).*\(64, 40\)"):
        open_training_data(config, CAPACITY)


@pytest.mark.parametrize(("field", "value"), [("fit", "short_side"), ("resampling", "pillow")])
def test_records_prepared_otherwise_than_frames_are_resized_are_an_input_error(
    config, built, field, value
):
    config.train_records, config.resize[field] = built(PREPARED["raw"]), value
    with pytest.raises(InputError, match=f"prepared with .*config.data.resize.{field} is '{value}"):
        open_training_data(config, CAPACITY)


def test_a_folder_that_cannot_be_trained_on_is_an_input_error(config, built, tmp_path):
    config.train_records = str(tmp_path)
    with pytest.raises(InputError, match="no data set built by tfds"):
        open_training_data(config, CAPACITY)
    config.train_records, config.train_split = built(FRAMES), "minival"
    with pytest.raises(InputError, match="no split 'minival', expected one of train, valid"):
        open_training_data(config, CAPACITY)
    config.train_split = "valid"
    with pytest.raises(InputError, match="valid: expected objects to train on"):
        open_training_data(config, CAPACITY)


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_index_is_an_input_error(config, built, tmp_path, damage):
    folder = tmp_path / "ovis/frames/1.0.0"
    shutil.copytree(built(FRAMES), folder)
    index = pathlib.Path(index_path(folder, "train"))
    content = index.read_bytes()
    index.unlink()
    if damage == "cut":
        index.write_bytes(content[:300])
    config.train_records = str(folder)
    with pytest.raises(InputError, match="index_train.npz: (no such file|damaged index)"):
        open_training_data(config, CAPACITY)


def test_records_of_other_frames_are_noticed(config, built, tmp_path):
    folder = tmp_path / "ovis/frames/1.0.0"
    shutil.copytree(built(FRAMES), folder)
    first, second = sorted(folder.glob("ovis-train.array_record*"))
    first.rename(tmp_path / "kept")
    second.rename(first)
    (tmp_path / "kept").rename(second)
    config.train_records = str(folder)
    with pytest.raises(InputError, match="is of video [0-9]+, frame [0-9]+; expected video"):
        _batches(config)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("splits", 3),
        ("splits", [{"name": "train"}]),
        ("splits", [{"name": "train", "shardLengths": ["1"], "filepathTemplate": "{NONE}"}]),
    ],
)
def test_a_folder_whose_description_is_damaged_is_an_input_error(tmp_path, field, value):
    info = {"name": "ovis", "splits": []} | {field: value}
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    if value is None:
        (tmp_path / "dataset_info.json").write_text("{")
    with pytest.raises(InputError, match="no data set built by tfds"):
        read_built_folder(tmp_path)


def test_record_files_are_those_that_tfds_names(built):
    for file_format in ("array_record", "tfrecord"):
        folder = built(FRAMES, file_format)
        info = tfds.builder_from_directory(folder).info
        found = read_built_folder(folder)
        assert found.file_format == info.file_format.value == file_format
        assert found.splits == {
            name: tuple(map(str, split.filepaths)) for name, split in info.splits.items()
        }


def test_names_of_many_files_and_of_other_templates_are_those_of_tfds(tmp_path):
    template = "{SPLIT}/{DATASET}-{SHARD_INDEX}-{NUM_SHARDS}.{FILEFORMAT}"
    split = {"name": "train", "shardLengths": ["1"] * 100001, "filepathTemplate": template}
    info = {"name": "ovis", "splits": [split], "fileFormat": "riegeli"}
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    found = read_built_folder(tmp_path)
    names = ShardedFileTemplate(
        tmp_path, template, dataset_name="ovis", split="train", filetype_suffix="riegeli"
    )
    for index in (0, 7, 100000):
        want = names.sharded_filepath(shard_index=index, num_shards=100001)
        assert found.splits["train"][index] == str(want)


def test_a_damaged_record_is_an_input_error(config, built, monkeypatch):
    monkeypatch.setattr(ArrayRecordFiles, "__getitem__", lambda self, number: b"\x0a\x05abc")
    config.train_records = built(FRAMES)
    with pytest.raises(InputError, match="record [0-9]+ is damaged"):
        _batches(config, 1)


@pytest.mark.parametrize(
    "reader, file_format", [(ArrayRecordFiles, "array_record"), (TFRecordFiles, "tfrecord")]
)
def test_truncated_record_files_are_input_errors(built, tmp_path, reader, file_format):
    (path, *_) = sorted(pathlib.Path(built(FRAMES, file_format)).glob("ovis-train.*"))
    cut = tmp_path / path.name
    cut.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InputError, match=path.name):
        reader([str(cut)])
