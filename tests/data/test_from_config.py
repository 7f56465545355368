"""Records made of `config.data`, and what a configuration that makes no sense says."""

import dataclasses

import pytest
from ml_collections import ConfigDict

from configs import cmasktrack_rcnn_r50_ovis_coco
from configs.parts.data import data as data_settings
from ovis_jax.data.from_config import FIELDS, pseudo_video, resizing, training_settings
from ovis_jax.data.settings import VideoFolder, VideoRecords
from ovis_jax.data.transforms import Resizing
from ovis_jax.formats.errors import InputError


@pytest.fixture
def data():
    return data_settings()


def every_field(config, name=""):
    """Dotted names of all fields."""
    for field, value in config.items():
        yield name + field
        if isinstance(value, ConfigDict):
            yield from every_field(value, f"{name}{field}.")


def test_the_fields_are_those_of_the_shared_part(data):
    assert sorted(data) == sorted(FIELDS)


def test_values_reach_the_records(data):
    data.update(image_scale=[80, 60], pad_multiple=8, flip_probability=0.25, image_share=0.5)
    data.clip.update(num_frames=3, mask_frames=2, others="run", stride=1.5, in_order=True)
    data.pseudo_video.motion.shear = 1.0
    data.pseudo_video.pasting.size = [0.5, 2.0]
    settings = training_settings(data)
    assert settings.sampling.resizing == Resizing((80, 60), 8) == resizing(data)
    assert settings.sampling.inclusive_boxes
    data.resize.update(fit="exact", resampling="pillow", axis_scales=True)
    data.inclusive_boxes = False
    assert resizing(data) == Resizing((80, 60), 8, "exact", "pillow", True)
    assert not training_settings(data).sampling.inclusive_boxes
    assert dataclasses.astuple(settings.sampling.frames) == (3, 2, "run", 1.5, 5, True, False)
    assert settings.sampling.flip_probability == 0.25 and settings.image_share == 0.5
    assert settings.pseudo_video == pseudo_video(data)
    assert settings.pseudo_video.motion.shear == 1.0
    assert settings.pseudo_video.pasting.size == (0.5, 2.0)
    assert settings.pseudo_video.fill == (123.675, 116.28, 103.53)


def test_records_are_read_where_they_are_named_and_else_the_folder(data):
    data.update(train_annotations="a.json", train_images="frames", halved_decoding=True)
    assert training_settings(data).videos == VideoFolder("a.json", "frames", True)
    data.update(train_records="ovis/frames/1.0.0", train_split="minival")
    assert training_settings(data).videos == VideoRecords("ovis/frames/1.0.0", "minival")


def test_settings_are_hashable_and_cannot_change(data):
    settings = training_settings(cmasktrack_rcnn_r50_ovis_coco.get_config().data)
    assert hash(settings) == hash(dataclasses.replace(settings))
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.sampling.resizing.pad_multiple = 64


def test_windows_count_only_where_references_are_drawn_in_them(data):
    data.reference_sampling = "video"
    assert training_settings(data).sampling.frames.window is None


_UNUSED = {"eval_annotations", "eval_images", "std", "train_split"}  # by the training samples


@pytest.mark.parametrize("field", sorted(set(every_field(data_settings())) - _UNUSED))
def test_a_missing_field_is_named(data, field):
    data.image_share = 0.5
    *parents, name = field.split(".")
    owner = data
    for parent in parents:
        owner = owner[parent]
    del owner[name]
    with pytest.raises(InputError, match=f"^config.data.{field}: missing$"):
        training_settings(data)


@pytest.mark.parametrize("part", ["", "clip", "pseudo_video", "pseudo_video.motion"])
def test_a_field_that_does_not_exist_is_named(data, part):
    data.image_share = 0.5
    owner = data
    for name in filter(None, part.split(".")):
        owner = owner[name]
    with owner.unlocked():
        owner.num_frame = 3
    name = ".".join(filter(None, ["config.data", part, "num_frame"]))
    with pytest.raises(InputError, match=f"^{name}: no such field, expected one of "):
        training_settings(data)


@pytest.mark.parametrize(
    "field, value",
    [
        ("image_scale", 640),
        ("image_scale", (640,)),
        ("image_scale", (640, 0)),
        ("image_scale", (640, 360.5)),
        ("pad_multiple", 0),
        ("pad_multiple", 20),
        ("pad_multiple", "32"),
        ("resize", "exact"),
        ("resize.fit", "stretch"),
        ("resize.resampling", ["pillow"]),
        ("resize.axis_scales", 1),
        ("inclusive_boxes", "yes"),
        ("flip_probability", 1.5),
        ("flip_probability", None),
        ("image_share", -0.1),
        ("image_share", float("nan")),
        ("crowds_are_objects", "yes"),
        ("boxes", "mask"),
        ("boxes", ["file"]),
        ("halved_decoding", 2),
        ("loader", "grain"),
        ("loader", None),
        ("mean", (1.0, 2.0)),
        ("mean", "grey"),
        ("reference_window", -1),
        ("clip", 3),
        ("clip.num_frames", 2.5),
        ("clip.stride", "fast"),
        ("clip.in_order", "yes"),
        ("pseudo_video.categories", ("person",)),
        ("pseudo_video.categories", (("person", 1),)),
        ("pseudo_video.motion.scale", -1.0),
        ("pseudo_video.pasting", None),
        ("pseudo_video.pasting.size", 1.0),
        ("pseudo_video.pasting.travel", "far"),
    ],
)
def test_values_of_every_kind_that_make_no_sense_are_named(field, value):
    values = ConfigDict(data_settings().to_dict(), type_safe=False)
    values.update(image_share=0.5)
    *parents, name = field.split(".")
    owner = values
    for parent in parents:
        owner = owner[parent]
    owner[name] = value
    with pytest.raises(InputError, match=f"^config.data.{field}: expected"):
        training_settings(values)


def test_stretched_frames_have_a_scale_in_each_axis(data):
    data.resize.fit = "exact"
    with pytest.raises(InputError, match="config.data.resize.axis_scales: expected True, is False"):
        resizing(data)


def test_still_images_are_not_looked_at_where_none_are_used(data):
    data.pseudo_video.min_pixels = 0
    assert training_settings(data).pseudo_video is None


def test_prediction_pads_to_any_multiple(data):
    data.pad_multiple = 1
    assert resizing(data) == Resizing((640, 360), 1)
