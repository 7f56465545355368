import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ovis_jax.data.mask_sampling import sample_mask
from ovis_jax.data.mask_transforms import nearest_source
from ovis_jax.formats import rle


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
        runs = rle.encode(mask.astype(bool))
        want = cv2.resize(mask, new[::-1], interpolation=cv2.INTER_NEAREST)
        np.testing.assert_array_equal(sample_mask(runs, rows, columns), want)
        np.testing.assert_array_equal(sample_mask(runs, rows, columns[::-1]), want[:, ::-1])


@given(
    mask=arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    flip=st.booleans(),
)
def test_sampling_is_decoding_and_indexing(mask, size, flip):
    rows, columns = (nearest_source(old, new) for old, new in zip(mask.shape, size, strict=True))
    columns = columns[::-1] if flip else columns
    got = sample_mask(rle.encode(mask), rows, columns)
    np.testing.assert_array_equal(got, mask[rows][:, columns])
