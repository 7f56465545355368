"""`config.data.augment` as records, and what settings that make no sense say."""

import pytest
from ml_collections import ConfigDict

from configs.parts.data import data as data_settings
from ovis_jax.data.augment.settings import NO_AUGMENTATION, Cropping, Jitter, Sizes, Warping
from ovis_jax.data.from_config import training_settings
from ovis_jax.formats.errors import InputError


@pytest.fixture
def data():
    return ConfigDict(data_settings().to_dict(), type_safe=False)


def augmentation_of(data):
    return training_settings(data).sampling.augmentation


def test_by_default_nothing_is_drawn(data):
    assert augmentation_of(data) == NO_AUGMENTATION and not NO_AUGMENTATION.moves_frames


def test_values_reach_the_records(data):
    data.augment.sizes = [[320, 768], (640, 360)]
    data.augment.crop.update(probability=0.5, sides=[300, 500], short_sides=[400, 500])
    data.augment.colors.update(brightness=0.4, lighting=0.1)
    own = augmentation_of(data)
    assert own.sizes == Sizes(((768, 320), (640, 360)))
    assert own.cropping == Cropping(0.5, (300, 500), "before", (400, 500))
    assert own.jitter == Jitter(brightness=0.4, lighting=0.1)
    assert own.moves_frames and hash(own)
    data.augment.update(sizes=(), size_ranges=[[649, 960], [360, 480]])
    assert augmentation_of(data).sizes == Sizes(ranges=((649, 960), (360, 480)))
    data.augment.update(size_ranges=(), factors=[1, 1.3])
    assert augmentation_of(data).sizes == Sizes(factors=(1.0, 1.3))


def test_warps_are_of_frames_that_are_centred(data):
    data.resize.fit = "centered"
    data.augment.warp.update(scales=[0.6, 1.3], margin=64)
    own = augmentation_of(data)
    assert own.warping == Warping((0.6, 1.3), 64) and own.moves_frames


def test_stretched_frames_have_sizes_as_width_and_height(data):
    data.resize.update(fit="exact", axis_scales=True)
    data.augment.sizes = ((320, 768), (640, 360))
    assert augmentation_of(data).sizes.choices == ((320, 768), (640, 360))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("augment", 3),
        ("augment.sizes", 640),
        ("augment.sizes", (640, 360)),
        ("augment.sizes", ((640, 360, 1),)),
        ("augment.sizes", ((640, 0),)),
        ("augment.size_ranges", ((640, 960),)),
        ("augment.size_ranges", ((960, 640), (360, 480))),
        ("augment.size_ranges", None),
        ("augment.factors", (1.3, 1.0)),
        ("augment.factors", (0, 1)),
        ("augment.factors", 1.3),
        ("augment.factors", (float("nan"), 1.0)),
        ("augment.crop", None),
        ("augment.crop.probability", 2),
        ("augment.crop.sides", (600, 384)),
        ("augment.crop.sides", 465),
        ("augment.crop.when", "during"),
        ("augment.crop.when", ["after"]),
        ("augment.crop.short_sides", (400.5,)),
        ("augment.warp.scales", (0,)),
        ("augment.warp.scales", "large"),
        ("augment.warp.scales", (1.0,)),  # of frames that are not centred
        ("augment.warp.margin", -1),
        ("augment.colors.contrast", 1.5),
        ("augment.colors.lighting", "dim"),
    ],
)
def test_values_that_make_no_sense_are_named(data, field, value):
    *parents, name = field.split(".")
    owner = data
    for parent in parents:
        owner = owner[parent]
    owner[name] = value
    with pytest.raises(InputError, match=f"^config.data.{field}: expected"):
        training_settings(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"augment.sizes": ((640, 360),), "augment.factors": (1.0, 1.3)},
            "augment.factors: expected nothing, as sizes is given",
        ),
        (
            {"resize.fit": "centered", "augment.sizes": ((640, 352),)},
            "augment.sizes: expected nothing, as resize.fit is 'centered'",
        ),
        (
            {"resize.fit": "centered", "augment.crop.probability": 0.5},
            "augment.crop.probability: expected 0, as resize.fit is 'centered'",
        ),
        (
            {"augment.crop.when": "after", "augment.crop.short_sides": (400,)},
            "augment.crop.short_sides: expected nothing, as when is 'after'",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_named(data, changes, message):
    data.update_from_flattened_dict(changes)
    with pytest.raises(InputError, match=f"^config.data.{message}"):
        training_settings(data)
