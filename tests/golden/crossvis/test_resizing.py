"""Sizes and pixels of resized frames and masks, as detectron2 and Pillow recorded them."""

import re

import numpy as np
from golden_folder import golden_arrays

from ovis_jax.data.mask_transforms import transform_mask
from ovis_jax.data.transforms import Resizing, frame_geometry, resize_image
from ovis_jax.formats import rle

OPS = golden_arrays("crossvis", "ops.npz")
SIZES = next(name for name in OPS if name.startswith("resize/sizes"))
SHAPES = [re.fullmatch(r"resize/to_(\d+)x(\d+)", name) for name in OPS]
SHAPES = [tuple(map(int, found.groups())) for found in SHAPES if found]  # (height, width)


def exactly(height, width, old):
    """The geometry of frames of a shape that become another one."""
    how = Resizing((width, height), 8, fit="exact", resampling="pillow", axis_scales=True)
    return frame_geometry(old[1], old[0], how)


def test_sizes_from_the_short_and_the_long_side():
    short, long = map(int, SIZES.split("_")[1:])
    for height, width, *want in OPS[SIZES].tolist():
        geometry = frame_geometry(width, height, Resizing((long, short), fit="short_side"))
        assert [geometry.height, geometry.width] == want, (height, width)


def test_frames_bit_for_bit():
    assert SHAPES
    image = OPS["resize/in"]
    for shape in SHAPES:
        got = resize_image(image, exactly(*shape, image.shape))
        np.testing.assert_array_equal(got, OPS["resize/to_{}x{}".format(*shape)])


def test_masks_show_the_recorded_pixels():
    source = OPS["resize/in"][..., 0]
    for height, width in SHAPES:
        geometry = exactly(height, width, source.shape)
        want = OPS[f"resize/nearest_{height}x{width}"]
        for threshold in (40, 127, 200):
            mask = rle.encode(source > threshold)
            packed = transform_mask(mask, geometry, flip=False)
            got = np.unpackbits(packed, axis=1)[:height, :width].astype(bool)
            np.testing.assert_array_equal(got, want > threshold)
