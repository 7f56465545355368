import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.statistics import box_occlusion

_box = st.one_of(
    st.none(),
    st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 9)] * 2),
)


def _array(tracks):
    return np.array([[[np.nan] * 4 if b is None else b for b in t] for t in tracks], float)


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.tuples(_box, _box), min_size=n, max_size=n)))
def test_box_occlusion_rate_is_the_share_of_box_pixels_in_two_boxes_or_more(tracks):
    want = []
    for frame in range(2):
        cover = np.zeros((32, 32), int)
        for box in (track[frame] for track in tracks if track[frame] is not None):
            x, y, width, height = box
            cover[y : y + height, x : x + width] += 1
        want.append((cover >= 2).sum() / (cover >= 1).sum() if cover.any() else np.nan)
    np.testing.assert_allclose(box_occlusion.box_occlusion_rates(_array(tracks)), want, atol=1e-12)


def test_boxes_need_not_be_whole_pixels():
    boxes = _array([[(0, 0, 1.5, 1)], [(1, 0, 1.5, 1)]])
    np.testing.assert_allclose(box_occlusion.box_occlusion_rates(boxes), [0.5 / 2.5])


def test_a_region_in_three_boxes_counts_once():
    boxes = _array([[(0, 0, 2, 2)]] * 3)
    np.testing.assert_array_equal(box_occlusion.box_occlusion_rates(boxes), [1.0])


def test_frames_are_worked_on_in_parts_that_do_not_matter(monkeypatch):
    boxes = np.random.default_rng(0).uniform(1, 9, (5, 7, 4))
    boxes[:, 3] = np.nan
    want = box_occlusion.box_occlusion_rates(boxes)
    monkeypatch.setattr(box_occlusion, "_MAX_CELLS", 200)  # two frames at once
    np.testing.assert_array_equal(box_occlusion.box_occlusion_rates(boxes), want)


def test_no_object_at_all_has_no_rate():
    got = box_occlusion.box_occlusion_rates(np.empty((0, 3, 4)))
    np.testing.assert_array_equal(got, [np.nan] * 3)


def test_boxes_that_touch_do_not_cross():
    boxes = _array([[(0, 0, 2, 2), None], [(2, 0, 2, 2), None], [(3, 0, 2, 2), (0, 0, 9, 9)]])
    np.testing.assert_array_equal(box_occlusion.crossing_pairs(boxes), [False, False, True])
