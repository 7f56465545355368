import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ovis_jax.formats import rle
from ovis_jax.formats.rle_runs import read_runs, run_lengths

_masks = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def _counts(height, width, counts):
    return {"size": [height, width], "counts": counts}


@settings(deadline=None)
@given(_masks)
def test_decode_undoes_encode(mask):
    np.testing.assert_array_equal(rle.decode(rle.encode(mask)), mask)


@settings(deadline=None)
@given(_masks)
def test_what_encode_gives_passes_the_check(mask):
    assert rle.check_rle(rle.encode(mask), *mask.shape) is None


@settings(deadline=None)
@given(_masks)
def test_runs_go_down_the_columns_and_begin_with_zeros(mask):
    runs = run_lengths(rle.encode(mask)["counts"])
    flat = np.repeat(np.arange(len(runs)) % 2, runs)
    np.testing.assert_array_equal(flat.reshape(mask.shape[::-1]).T, mask)


def test_an_encoded_mask_is_plain_json():
    mask = rle.encode(np.ones((2, 3), bool))
    assert mask == {"size": [2, 3], "counts": "06"}
    assert [type(v) for v in mask["size"]] == [int, int]


def test_area_takes_more_than_255_masks():
    areas = np.arange(600) % 13
    masks = [rle.from_uncompressed(_counts(3, 4, [12 - int(a), int(a)])) for a in areas]
    np.testing.assert_array_equal(rle.area(masks), areas)


def test_area_of_no_masks_is_empty():
    assert rle.area([]).shape == (0,)


def test_uncompressed_runs_may_be_empty_or_end_with_zeros():
    mask = rle.decode(rle.from_uncompressed(_counts(2, 3, [0, 1, 0, 2, 3])))
    np.testing.assert_array_equal(mask.T.ravel(), [1, 1, 1, 0, 0, 0])


def test_polygons_are_united():
    left, right = [0, 0, 2, 0, 2, 4, 0, 4], [4, 0, 6, 0, 6, 4, 4, 4]
    np.testing.assert_array_equal(
        rle.decode(rle.from_polygons([left, right], 4, 6)), [[1, 1, 0, 0, 1, 1]] * 4
    )


def test_no_polygon_is_an_empty_mask():
    assert not rle.decode(rle.from_polygons([], 4, 6)).any()


@settings(deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 5), st.just(4), st.just(5))))
def test_merge_is_the_union_or_the_intersection(masks):
    rles = [rle.encode(mask) for mask in masks]
    np.testing.assert_array_equal(rle.decode(rle.merge(rles)), masks.any(0))
    np.testing.assert_array_equal(rle.decode(rle.merge(rles, intersect=True)), masks.all(0))


def test_iou_is_intersection_over_union_of_every_pair():
    random = np.random.default_rng(0)
    a, b = random.random((3, 8, 9)) < 0.5, random.random((2, 8, 9)) < 0.5
    expected = [[(m & n).sum() / (m | n).sum() for n in b] for m in a]
    found = rle.iou([rle.encode(m) for m in a], [rle.encode(m) for m in b])
    np.testing.assert_allclose(found, expected)


def test_iou_with_nothing_has_no_entries():
    assert rle.iou([], [rle.encode(np.ones((2, 2)))]).shape == (0, 1)


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        (None, "is null"),
        ("06", "is a string"),
        ({}, "without size"),
        ({"size": [2, 3]}, "without counts"),
        (_counts(3, 2, "6"), r"size is \[3, 2\], expected \[2, 3\]"),
        (_counts(2, 3, None), "counts are null"),
        (_counts(2, 3, ""), "empty"),
        (_counts(2, 3, "/"), "character '/'"),
        (_counts(2, 3, "p"), "character 'p'"),
        (_counts(2, 3, "é"), "character 'é'"),
        (_counts(2, 3, "6P"), "end within a number"),
        (_counts(2, 3, "PPPPPPPP0"), "too large"),
        (_counts(2, 3, "7O"), "negative"),  # 7, -1
        (_counts(2, 3, "5"), "add up to 5 pixels, expected 6"),
        (_counts(2, 3, "7"), "add up to 7"),
        (_counts(2, 3, [3, 2]), "add up to 5"),
        (_counts(2, 3, [7, -1]), "not a whole number"),
        (_counts(2, 3, [6.0]), "not a whole number"),
        (_counts(2, 3, []), "add up to 0"),
    ],
)
def test_the_check_names_what_is_wrong(mask, problem):
    assert re.search(problem, rle.check_rle(mask, 2, 3))


@settings(deadline=None)
@given(st.lists(st.text(alphabet="0123456789:OPQno", max_size=5), min_size=1, max_size=12))
def test_many_masks_at_once_are_judged_as_each_alone(counts):
    found = read_runs(counts, np.full(len(counts), 6))
    for i, text in enumerate(counts):
        assert found.problems.get(i) == rle.check_rle(_counts(2, 3, text), 2, 3)


@settings(deadline=None)
@given(st.lists(hnp.arrays(bool, (5, 7)), min_size=1, max_size=20))
def test_areas_of_many_masks_at_once(masks):
    found = read_runs([rle.encode(m)["counts"] for m in masks], np.full(len(masks), 35))
    assert not found.problems
    assert not found.empty_runs
    np.testing.assert_array_equal(found.areas, [m.sum() for m in masks])
