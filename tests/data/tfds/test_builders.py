import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tiny_downloads import build, write_coco_download, write_ovis_download
from tiny_ovis import SIZES

from ovis_jax.data.tfds.occluded_shapes import ShapesConfig
from ovis_jax.data.tfds.records_config import RecordsConfig
from ovis_jax.data.videos.record_files import ArrayRecordFiles
from ovis_jax.data.videos.record_index import index_path, read_index
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.coco_images import load_coco
from ovis_jax.formats.errors import InputError

FRAMES = 6


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    return write_ovis_download(tmp_path_factory.mktemp("ovis"), valid_annotations=False)


def _examples(builder, split="train"):
    return list(builder.as_data_source(split))


def _as_the_specification_says(value, spec):
    if isinstance(spec, dict):
        return all(_as_the_specification_says(value[name], spec[name]) for name in spec)
    return spec.is_compatible_with(value)


@pytest.mark.parametrize("config", ["frames", "videos", "prepared", "prepared_png"])
def test_every_configuration_is_read_back_as_its_features_say(download, config):
    builder = build("ovis", config, download, file_format="tfrecord", output=download / config)
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    number = len(SIZES) * (1 if config == "videos" else FRAMES)
    assert counts == {"train": number, "valid": number}
    for split in counts:
        examples = list(tfds.load(f"ovis/{config}", split=split, data_dir=download / config))
        assert len(examples) == number
        spec = builder.as_dataset(split=split).element_spec
        assert all(_as_the_specification_says(example, spec) for example in examples)


@pytest.mark.parametrize(
    "name",
    ["ovis", "youtube_vis_2019", "youtube_vis_2021", "coco_instances", "occluded_shapes"],
)
def test_builders_are_known_to_tfds_with_their_metadata(name, tmp_path):
    builder = tfds.builder(name, data_dir=tmp_path)
    assert builder.builder_config.name == "frames"
    assert {"frames", "videos", "prepared"} <= set(builder.builder_configs)
    info = builder.info
    assert info.homepage.startswith("https://") and info.citation.startswith("@")
    assert len(info.description) > 40


def test_a_frame_holds_its_objects_as_the_annotation_file_has_them(download):
    annotations = load_annotations(download / "annotations_train.json")
    found = _examples(build("ovis", "frames", download))
    assert len(found) == FRAMES * len(SIZES)
    for number, example in enumerate(found):
        video, frame = annotations.videos[number // FRAMES], number % FRAMES
        assert (example["video_id"], example["frame"]) == (video.id, frame)
        assert example["file_name"].decode() == video.file_names[frame]
        assert example["image"].shape == (video.height, video.width, 3)
        visible = [i for i in annotations.instances_of(video.id) if i.rle(frame)]
        objects = example["objects"]
        assert [counts.decode() for counts in objects["mask"]] == [
            i.rle(frame)["counts"] for i in visible
        ]
        assert [i.decode() for i in objects["id"]] == [str(i.id) for i in visible]
        labels = [annotations.categories[k].id for k in objects["category"]]
        assert labels == [i.category_id for i in visible]
        boxes = np.reshape(objects["box"], (-1, 4))
        np.testing.assert_array_equal(boxes, np.reshape([i.boxes[frame] for i in visible], (-1, 4)))
        np.testing.assert_array_equal(objects["area"], [i.areas[frame] for i in visible])


def test_a_video_holds_all_its_frames_and_tracks(download):
    annotations = load_annotations(download / "annotations_train.json")
    builder = build("ovis", "videos", download, file_format="tfrecord")
    found = list(tfds.as_numpy(builder.as_dataset(split="train")))
    assert len(found) == len(SIZES)
    for video, example in zip(annotations.videos, found, strict=True):
        assert example["frames"].shape == (FRAMES, video.height, video.width, 3)
        instances = annotations.instances_of(video.id)
        masks = example["objects"]["masks"].to_list()
        assert masks == [
            [counts.encode() if counts else b"" for counts in i.segmentations.entries]
            for i in instances
        ]
        boxes = np.array(example["objects"]["boxes"].to_list())
        np.testing.assert_array_equal(boxes, [i.boxes for i in instances])


def test_the_images_of_frames_are_the_files_byte_for_byte(download):
    content = b"".join(_records(build("ovis", "frames", download).data_path))
    for path in (download / "train").rglob("*.jpg"):
        assert path.read_bytes() in content


def test_a_split_without_annotations_is_built_without_objects(download):
    builder = build("ovis", "frames", download)
    found = _examples(builder, "valid")
    assert len(found) == FRAMES * len(SIZES)
    assert not any(len(example["objects"]["id"]) for example in found)
    assert not read_index(index_path(builder.data_dir, "valid")).has_ground_truth
    assert read_index(index_path(builder.data_dir, "train")).has_ground_truth


def test_categories_are_named_in_the_order_of_their_ids(download):
    info = build("ovis", "frames", download).info
    assert info.features["objects"].feature["category"].names == ["red", "green"]  # by id


def _zip(folder, name, *paths):
    """Moves files or folders of a download into an archive."""
    stage = folder / "stage"
    for path in paths:
        (stage / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / path, stage / path)
    shutil.make_archive(folder / name, "zip", stage)
    shutil.rmtree(stage)


def test_zipped_frames_give_the_same_examples(tmp_path):
    download = write_ovis_download(tmp_path)
    want = _examples(build("ovis", "frames", download, output=tmp_path / "a"))
    _zip(download, "train", "train")
    _zip(download, "valid", "valid")
    got = _examples(build("ovis", "frames", download, output=tmp_path / "b"))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a["image"], b["image"])
        assert a["file_name"] == b["file_name"]


@pytest.mark.parametrize("year", ["2019", "2021"])
@pytest.mark.parametrize("zipped", [False, True])
def test_youtube_vis_is_found_in_its_official_layouts(tmp_path, year, zipped):
    ovis = write_ovis_download(tmp_path / "ovis")
    download = tmp_path / "download"
    for split in ("train", "valid"):
        shutil.copytree(ovis / split, download / split / "JPEGImages")
        name = f"{split}/instances.json" if year == "2021" else f"{split}.json"
        shutil.copy(ovis / f"annotations_{split}.json", download / name)
        if zipped:
            _zip(download, split, split)
    builder = build(f"youtube_vis_{year}", "frames", download)
    assert builder.info.splits["train"].num_examples == FRAMES * len(SIZES)
    assert "Video Instance Segmentation" in builder.info.citation


@pytest.mark.parametrize("zipped", [False, True])
def test_coco_images_are_videos_of_one_frame(tmp_path, zipped):
    download = write_coco_download(tmp_path)
    if zipped:
        _zip(download, "annotations_trainval2017", "annotations")
        _zip(download, "train2017", "train2017")
    found = _examples(build("coco_instances", "frames", download))
    assert [example["video_id"] for example in found] == [1, 2, 3]
    for example in found:
        objects = example["objects"]
        assert list(objects["is_crowd"]) == [False, True]
        for box, counts in zip(objects["box"], objects["mask"], strict=True):
            mask = {"size": list(example["image"].shape[:2]), "counts": counts}
            np.testing.assert_array_equal(rle.bounding_boxes([mask])[0], box)


def test_coco_entries_are_named_in_errors_as_the_file_names_them(tmp_path):
    path = write_coco_download(tmp_path) / "annotations/instances_train2017.json"
    document = json.loads(path.read_text())
    bad = document | {"images": [document["images"][0] | {"width": 0}]}
    path.write_text(json.dumps(bad))
    with pytest.raises(InputError, match=r"images\[0\].*width"):
        load_coco(path)
    document["annotations"][1]["image_id"] = 99
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"annotations\[1\].*image_id: 99"):
        load_coco(path)


def test_occluded_shapes_are_generated_from_the_parameters(tmp_path):
    small = dict(train_videos=2, valid_videos=1, frames=3, width=64, height=40, sizes=[8, 20])
    config = ShapesConfig(name="small", parameters=small)
    found = _examples(build("occluded_shapes", config, tmp_path / "none"))
    assert len(found) == 6
    assert all(example["image"].shape == (40, 64, 3) for example in found)
    levels = {level for example in found for level in example["objects"]["occlusion"]}
    assert levels <= {1, 2, 3} and levels
    with pytest.raises(InputError, match="parameters: colour"):
        ShapesConfig(name="bad", parameters={"colour": 1}).shapes_parameters()


@pytest.mark.parametrize(
    "lost, message",
    [
        ("annotations_train.json", r"download/annotations_train.json: no such file"),
        ("valid", r"download/valid: no such folder, expected the frames .*valid.zip"),
        ("train/clip2/00003.jpg", r"1 of 18 frames are missing: .*train/clip2/00003.jpg"),
        ("train/clip1", r"6 of 18 frames are missing: .*train/clip1/00000.jpg, .*, …"),
    ],
)
def test_what_is_missing_of_a_download_is_said(tmp_path, lost, message):
    path = write_ovis_download(tmp_path) / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match=message):
        build("ovis", "frames", tmp_path / "download")
    assert not list((tmp_path / "built/ovis").rglob("dataset_info.json"))


def test_missing_parts_of_archives_are_said(tmp_path):
    download = write_ovis_download(tmp_path)
    (download / "train/clip2/00003.jpg").unlink()
    _zip(download, "train", "train")
    with pytest.raises(InputError, match=r"train.zip: 1 of 18 .* train/clip2/00003.jpg"):
        build("ovis", "frames", download)
    archive = download / "train.zip"
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"train.zip: damaged or partial archive"):
        build("ovis", "frames", download)


def test_a_partial_test_split_is_missed_but_an_absent_one_is_not(tmp_path):
    download = write_ovis_download(tmp_path)
    shutil.copy(download / "annotations_train.json", download / "annotations_test.json")
    with pytest.raises(InputError, match=r"download/test: no such folder"):
        build("ovis", "frames", download)
    shutil.copytree(download / "train", download / "test")
    assert set(build("ovis", "frames", download).info.splits) == {"train", "valid", "test"}


@pytest.mark.parametrize(
    "field, value", [("example", "clip"), ("image_encoding", "gif"), ("image_scale", (640, 0))]
)
def test_configurations_that_make_no_sense_are_input_errors(field, value):
    with pytest.raises(InputError, match=field):
        RecordsConfig(name="bad", **{field: value})


@pytest.mark.parametrize("config", ["frames", "videos"])
def test_beam_builds_the_same_records(download, tmp_path, config):
    pytest.importorskip("apache_beam")
    folders = []
    for name, options in (("serial", {}), ("beam", {"beam_runner": "DirectRunner"})):
        builder = build("ovis", config, download, output=tmp_path / name, **options)
        folders.append(builder.data_path)
        assert builder._through_beam == (name == "beam")
    serial, beam = (_records(folder) for folder in folders)
    assert serial == beam


def _records(folder):
    files = ArrayRecordFiles(sorted(folder.glob("ovis-train.array_record*")))
    return [files[i] for i in range(len(files))]


def test_tfds_build_builds_from_the_command_line_through_beam(download, tmp_path):
    pytest.importorskip("apache_beam")  # which the program imports, used or not
    pytest.importorskip("mlcroissant")
    config = dict(name="small", example="prepared_frame", image_scale=[48, 32])
    arguments = ["--imports=ovis_jax.data.tfds", f"--manual_dir={download}", "--num_shards=2"]
    arguments += [f"--data_dir={tmp_path}", "--file_format=array_record"]
    arguments += ["--beam_pipeline_options=runner=DirectRunner"]
    subprocess.run(
        [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build", "ovis"]
        + arguments
        + [f"--config={json.dumps(config)}"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        timeout=120,
    )
    folder = tmp_path / "ovis/small/1.0.0"
    assert len(list(folder.glob("ovis-train.array_record-*-of-00002"))) == 2
    assert read_index(index_path(folder, "train")).prepared == (48, 32)
