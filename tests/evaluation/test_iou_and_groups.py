import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation.groups import average_area, within_area, within_occlusion
from ovis_jax.evaluation.iou import track_iou
from ovis_jax.evaluation.occlusion import occlusion_score
from tests.evaluation.tracks import HEIGHT, WIDTH, random_masks, rectangle, segmentations


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 4))
def test_iou_is_summed_intersections_over_summed_unions(seed, frames):
    random = np.random.default_rng(seed)
    tracks, truth = ([random_masks(random, frames) for _ in range(n)] for n in (4, 3))
    got = track_iou([*map(segmentations, tracks)], [*map(segmentations, truth)])
    for i, j in np.ndindex(got.shape):
        union = (tracks[i] | truth[j]).sum()
        assert got[i, j] == ((tracks[i] & truth[j]).sum() / union if union else 0)


def test_a_frame_where_only_one_has_a_mask_adds_to_the_union():
    one, both = rectangle(0, 0, 4, 4, frames=2), rectangle(0, 0, 4, 4, frames=2)
    one[1] = False
    assert track_iou([segmentations(one)], [segmentations(both)]) == 0.5


def test_tracks_without_a_pixel_have_an_iou_of_zero():
    empty = segmentations(np.zeros((2, HEIGHT, WIDTH), bool))
    assert track_iou([empty], [empty]) == 0


NO, SLIGHT, SEVERE = "no_occlusion", "slight_occlusion", "severe_occlusion"


@pytest.mark.parametrize(
    ("labels", "score"),
    [
        ([NO], 0),
        ([SEVERE], 0.75),
        ([NO, SEVERE], 0.75),
        ([NO, NO, SEVERE], 0.375),
        ([SLIGHT, None, SLIGHT, NO], 0.25),
        ([SEVERE, NO, SLIGHT, SLIGHT], 0.5),
    ],
)
def test_the_occlusion_score_is_the_mean_of_the_higher_half(labels, score):
    assert occlusion_score(labels) == score


def test_there_is_no_occlusion_score_without_labels():
    assert np.isnan(occlusion_score([None])) and np.isnan(occlusion_score(None))


def test_objects_on_the_limit_are_in_both_groups():
    scores = np.array([0, 0.25, 0.5, 0.75, np.nan])
    want = [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0]]
    np.testing.assert_array_equal(within_occlusion(scores), np.array(want, bool))
    areas = np.array([0, 128**2, 256**2, 256**2 + 0.5])
    want = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    np.testing.assert_array_equal(within_area(areas), np.array(want, bool))


def test_the_average_area_leaves_out_frames_without_any():
    assert average_area(np.array([0.0, 10, 0, 20])) == 15
    assert average_area(np.zeros(3)) == 0
