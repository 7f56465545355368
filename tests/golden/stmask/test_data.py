"""Frames, boxes and masks as the input pipeline makes them, against the reference's loader."""

import numpy as np
import pytest
from golden.stmask.recorded_batch import FRAMES, PAIRS, losses, of_frame
from golden.stmask.stmask_model import config, record, settings

from ovis_jax.data.box_transforms import transform_boxes
from ovis_jax.data.from_config import resizing
from ovis_jax.data.mask_transforms import transform_mask
from ovis_jax.data.transforms import frame_geometry, transform_image
from ovis_jax.formats import rle

JOINED = (1, 3)  # numbers of the objects of which one is made

pytestmark = pytest.mark.exhaustive


def geometry(name):
    """How frames are resized to a recorded scale."""
    data = config().data.copy_and_resolve_references().unlock()
    data.image_scale = tuple(settings()[name])
    return frame_geometry(settings()["W"], settings()["H"], resizing(data))


def test_frames_are_stretched():
    number = [0, 5, settings()["T"] - 1]
    for t, frame in zip(number, record("clip_rgb", "inputs"), strict=True):
        want = record("resized_bgr_v0", "inputs")[t][..., ::-1]
        got = transform_image(frame, geometry("scale"), flip=False)
        np.testing.assert_array_equal(got[: want.shape[0], : want.shape[1]], want)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("pair", PAIRS)
def test_boxes_and_masks_of_annotated_objects(pair, frame):
    info = losses()["pairs"][pair]
    drawn = record("index", "inputs")[info["frames"][frame]]
    place, identities = geometry("train_scale"), of_frame(pair, frame, "ids")
    canvas = np.float32([place.canvas_width, place.canvas_height] * 2)
    for i, number in enumerate((identities - 1) % 10):
        mask = np.isin(drawn, JOINED) if number == 5 else drawn == number + 1
        y, x = np.nonzero(mask)
        box = x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1
        got = transform_boxes([box], place, flip=info["flip"])[0] / canvas
        np.testing.assert_allclose(got, of_frame(pair, frame, "boxes")[i], atol=1e-6)
        encoded = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
        packed = transform_mask(encoded, place, flip=info["flip"])
        np.testing.assert_array_equal(packed, of_frame(pair, frame, "masks_packed")[i])
