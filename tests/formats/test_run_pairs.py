import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from ovis_jax.formats import rle
from ovis_jax.formats.rle_runs import read_runs
from ovis_jax.formats.run_pairs import read_pairs

HIGH_DEFINITION = (1080, 1920)

_some_masks = st.lists(hnp.arrays(bool, (5, 7)), min_size=1, max_size=12)


def counts_of(runs, size=(1, 1)) -> str:
    return rle.from_uncompressed({"size": list(size), "counts": runs})["counts"]


def runs_of(mask) -> list[int]:
    """Run lengths down the columns, zeros first, counted one pixel after the other."""
    runs, value = [0], 0
    for pixel in mask.T.ravel().astype(int).tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


@settings(deadline=None)
@given(_some_masks)
def test_every_mask_has_its_own_runs_and_ends_with_a_run_of_no_ones(masks):
    found = read_pairs([rle.encode(mask)["counts"] for mask in masks])
    parts = np.split(found.runs, 2 * found.firsts[1:])
    for mask, number, runs in zip(masks, found.numbers.tolist(), parts, strict=True):
        assert runs[:number].tolist() == runs_of(mask)
        assert not runs[number:].any() and runs[-1] == 0 and len(runs) > number


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_areas_in_high_definition_are_those_of_the_c_code(seed, num_masks):
    random = np.random.default_rng(seed)
    masks = []
    for number in range(num_masks):  # from a few long runs to many short ones, or one alone
        ends = np.sort(random.integers(0, 1080 * 1920 + 1, 4 ** (number % 6)))
        runs = np.diff(ends, prepend=0, append=1080 * 1920).tolist()
        masks.append(rle.from_uncompressed({"size": [1080, 1920], "counts": runs}))
    found = read_runs([mask["counts"] for mask in masks], np.full(num_masks, 1080 * 1920))
    assert not found.problems
    np.testing.assert_array_equal(found.areas, coco.area(masks))


def test_sums_beyond_32_bits_are_right():
    runs = [1 << 28] * 64
    found = read_runs([counts_of(runs), "o7"], np.array([1 << 34, 1 << 34]))
    assert found.areas[0] == 1 << 33
    assert list(found.problems) == [1]


def test_a_sum_that_is_right_but_for_2_to_the_32nd_is_a_problem():
    runs = [1 << 28] * 16 + [6]
    found = read_runs([counts_of(runs), "6"], np.array([6, 6]))
    assert found.problems == {
        0: f"counts add up to {(1 << 32) + 6} pixels, expected 6 (height times width)"
    }


def test_runs_that_grow_beyond_31_bits_are_a_problem_as_in_the_c_code():
    step = "o" * 5 + "?"  # 2**29 - 1
    found = read_runs([step * 15, "6"], np.array([6, 6]))
    assert list(found.problems) == [0] and "negative" in found.problems[0]


@pytest.mark.parametrize("text", ["", "/6", "p", "é", "6P", "PPPPPPPP0", "PPPPPP0"])
def test_text_that_is_no_mask_is_not_read(text):
    assert read_pairs(["6", text, "06"]) is None
    assert read_pairs([text]) is None


@settings(deadline=None, max_examples=50)
@given(_some_masks, st.data())
def test_damaged_masks_among_others_are_judged_as_each_alone(masks, data):
    counts = [rle.encode(mask)["counts"] for mask in masks]
    place = data.draw(st.integers(0, len(counts) - 1))
    damaged = list(counts[place])
    where = data.draw(st.integers(0, len(damaged) - 1))
    damaged[where] = data.draw(st.characters(min_codepoint=46, max_codepoint=114))
    counts[place] = "".join(damaged)
    found = read_runs(counts, np.full(len(counts), 35))
    for number, text in enumerate(counts):
        problem = rle.check_rle({"size": [5, 7], "counts": text}, 5, 7)
        assert found.problems.get(number) == problem
        if problem is None and number not in found.empty_runs:
            assert found.areas[number] == coco.area({"size": [5, 7], "counts": text})
