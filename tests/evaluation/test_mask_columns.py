import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from ovis_jax.evaluation.iou import track_iou
from ovis_jax.evaluation.mask_columns import mask_columns
from ovis_jax.formats import rle
from ovis_jax.formats.segmentations import Segmentations

_sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
_masks = _sizes.flatmap(
    lambda size: st.lists(
        st.one_of(
            hnp.arrays(bool, size),
            st.just(np.zeros(size, bool)),
            st.just(np.ones(size, bool)),
        ),
        min_size=2,
        max_size=8,
    )
)


def merged_pixels(a: list[dict], b: list[dict]) -> list[list[int]]:
    """Pixels of the intersections as the C code merges run lengths."""
    return [[int(coco.area(coco.merge([one, other], True))) for other in b] for one in a]


def shared(rles: list[dict], num_first: int) -> np.ndarray:
    """The same by columns: of the first masks with the others."""
    masks = mask_columns([r["counts"] for r in rles], *rles[0]["size"])
    ones, others = np.mgrid[:num_first, num_first : len(rles)]
    return masks.shared_pixels(ones.ravel(), others.ravel()).reshape(ones.shape)


def blobs(random: np.random.Generator, number: int, size: tuple[int, int]) -> list[dict]:
    """Ellipses anywhere in the frame, some with a hole, so that some reach over the border."""
    y, x = np.mgrid[: size[0], : size[1]]
    found = []
    for _ in range(number):
        mask = np.zeros(size, bool)
        for is_hole in (False, random.random() < 0.5):
            centre, radius = random.random(2) * size, random.uniform(0.05, 0.6, 2) * size
            inside = np.hypot((y - centre[0]) / radius[0], (x - centre[1]) / radius[1]) < 1
            mask = mask & ~inside if is_hole else mask | inside
        found.append(rle.encode(mask))
    return found


@settings(deadline=None)
@given(_masks)
def test_intersections_are_those_of_the_c_code(masks):
    rles = [rle.encode(mask) for mask in masks]
    half = len(rles) // 2
    assert shared(rles, half).tolist() == merged_pixels(rles[:half], rles[half:])


@settings(deadline=None, max_examples=3)
@given(st.integers(0, 2**32 - 1))
def test_intersections_in_high_definition_are_those_of_the_c_code(seed):
    rles = blobs(np.random.default_rng(seed), 7, (1080, 1920))
    rles += [rle.encode(np.ones((1080, 1920), bool)), rle.encode(np.zeros((1080, 1920), bool))]
    assert shared(rles, 4).tolist() == merged_pixels(rles[:4], rles[4:])


@pytest.mark.parametrize("period", [1, 2])
def test_masks_of_too_many_runs_are_left_to_the_c_code(period):
    size, rows = (40, 30), np.arange(40)[:, None]
    stripes = [np.broadcast_to(rows // period % 2 == phase, size) for phase in (0, 1)]
    rles = [rle.encode(mask) for mask in (*stripes, np.ones(size))]
    assert mask_columns([r["counts"] for r in rles], *size) is None
    tubes = [Segmentations(size, [r["counts"]], rle.area([r])) for r in rles]
    assert track_iou(tubes[:1], tubes).tolist() == [[1, 0, 0.5]]


def test_frames_taller_than_16_bits_are_left_to_the_c_code():
    size = [40000, 2]
    rles = [
        rle.from_uncompressed({"size": size, "counts": runs}) for runs in ([0, 80000], [40000] * 2)
    ]
    assert mask_columns([r["counts"] for r in rles], *size) is None
    tubes = [Segmentations(tuple(size), [r["counts"]], rle.area([r])) for r in rles]
    assert track_iou(tubes[:1], tubes[1:]) == 0.5


def test_frames_of_very_many_pixels_are_not_read_together():
    size, half = (20000, 20000), 20000 * 10000
    left, middle = ([start, half, half - start] for start in (0, half // 2))
    counts = [
        rle.from_uncompressed({"size": size, "counts": own})["counts"] for own in (left, middle)
    ]
    tubes = [Segmentations(size, [own] * 3, np.full(3, half)) for own in counts]
    assert track_iou(tubes[:1], tubes[1:]) == 1 / 3


@settings(deadline=None, max_examples=2)
@given(st.integers(0, 2**32 - 1))
def test_frames_read_together_give_what_each_gives_alone(seed):
    random, size = np.random.default_rng(seed), (60, 2000)
    frames = [blobs(random, 6, size) for _ in range(30)]
    tubes = [
        Segmentations(size, [r["counts"] for r in own], rle.area(own))
        for own in zip(*frames, strict=True)
    ]
    pixels = np.sum([merged_pixels(own[:4], own[4:]) for own in frames], axis=0)
    areas = np.array([tube.areas().sum() for tube in tubes])
    union = areas[:4, None] + areas[4:] - pixels
    np.testing.assert_array_equal(track_iou(tubes[:4], tubes[4:]), pixels / union)
