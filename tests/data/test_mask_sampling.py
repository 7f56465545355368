import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from ovis_jax.data.mask_sampling import run_lengths, sample_mask
from ovis_jax.data.transforms import nearest_source


def _masks(height, width):
    rng = np.random.default_rng(height * width)
    noise = rng.random((height, width)).astype(np.float32)
    yield np.zeros((height, width), np.uint8)
    yield np.ones((height, width), np.uint8)
    yield (noise > 0.5).astype(np.uint8)
    for share in (0.001, 0.1, 0.9):
        smooth = cv2.GaussianBlur(noise, (0, 0), 3)
        yield (smooth < np.quantile(smooth, share)).astype(np.uint8)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        mask = np.zeros((height, width), np.uint8)
        mask[corner] = 1
        yield mask


@pytest.mark.parametrize(
    "size, new", [((360, 640), (120, 213)), ((37, 53), (20, 29)), ((20, 21), (33, 35))]
)
def test_sampling_runs_equals_decoding_and_resizing_with_opencv(size, new):
    rows, columns = nearest_source(size[0], new[0]), nearest_source(size[1], new[1])
    for mask in _masks(*size):
        rle = coco.encode(np.asfortranarray(mask))
        want = cv2.resize(mask, new[::-1], interpolation=cv2.INTER_NEAREST)
        np.testing.assert_array_equal(sample_mask(rle, rows, columns), want)
        np.testing.assert_array_equal(sample_mask(rle, rows, columns[::-1]), want[:, ::-1])


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=300), st.integers(0, 2**32 - 1))
def test_run_lengths_undo_the_compression(kinds, seed):
    rng = np.random.default_rng(seed)
    runs = np.array([rng.integers(1, (4, 300, 100_000)[kind]) for kind in kinds])
    runs = [int(run) for run in runs]
    rle = coco.frPyObjects({"size": [1, sum(runs)], "counts": runs}, 1, sum(runs))
    np.testing.assert_array_equal(run_lengths(rle["counts"]), runs)
    np.testing.assert_array_equal(run_lengths(rle["counts"].decode()), runs)


def test_no_runs_are_an_empty_mask():
    assert run_lengths("").size == 0
    assert not sample_mask({"size": [0, 4], "counts": ""}, np.arange(0), np.arange(4)).size
