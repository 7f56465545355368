import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.data.splits import VideoContents, choose_minival
from ovis_jax.formats.annotation_records import Category


@st.composite
def contents(draw, max_videos=30, max_categories=6):
    num_videos = draw(st.integers(2, max_videos))
    num_categories = draw(st.integers(1, max_categories))
    ids = draw(st.permutations(range(100, 100 + num_videos)))
    counts = st.integers(0, 3) if draw(st.booleans()) else st.sampled_from([0, 0, 0, 1, 4])
    rows = [[draw(counts) for _ in range(num_categories)] for _ in range(num_videos)]
    categories = tuple(Category(k, f"category {k}") for k in range(1, num_categories + 1))
    return VideoContents(np.array(ids), categories, np.array(rows))


def balanced(num_videos: int) -> VideoContents:
    """Each video shows one of five categories, with one to three instances."""
    counts = np.zeros((num_videos, 5), int)
    counts[np.arange(num_videos), np.arange(num_videos) % 5] = np.arange(num_videos) % 3 + 1
    categories = tuple(Category(k, f"category {k}") for k in range(1, 6))
    return VideoContents(np.arange(num_videos), categories, counts)


@given(contents(), st.floats(0.01, 0.99), st.integers(0, 5), st.integers(0, 9))
def test_every_category_with_enough_videos_has_its_number_in_minival(own, share, number, seed):
    chosen = choose_minival(own, share=share, min_videos=number, seed=seed)
    shows = own.num_instances > 0
    for total, got in zip(shows.sum(0), shows[chosen].sum(0), strict=True):
        assert got >= min(number, total // 2)
    assert 0 < chosen.sum() < len(chosen)
    assert chosen.sum() >= min(max(1, round(share * len(chosen))), len(chosen) - 1)


@given(contents(), st.floats(0.01, 0.99), st.integers(0, 9))
def test_without_a_number_for_categories_minival_has_just_its_share(own, share, seed):
    chosen = choose_minival(own, share=share, min_videos=0, seed=seed)
    assert chosen.sum() == min(max(1, round(share * len(chosen))), len(chosen) - 1)


@given(contents(), st.integers(0, 9), st.randoms())
def test_the_same_seed_chooses_the_same_videos_in_whatever_order_they_stand(own, seed, random):
    order = list(range(len(own.video_ids)))
    random.shuffle(order)
    other = VideoContents(own.video_ids[order], own.categories, own.num_instances[order])
    first, second = (choose_minival(c, share=0.3, min_videos=2, seed=seed) for c in (own, other))
    assert set(own.video_ids[first]) == set(other.video_ids[second])


def test_another_seed_chooses_other_videos():
    own = balanced(100)
    chosen = {choose_minival(own, share=0.2, min_videos=4, seed=s).tobytes() for s in range(5)}
    assert len(chosen) == 5


@pytest.mark.parametrize("seed", range(5))
def test_categories_are_spread_evenly_over_videos_and_instances(seed):
    own = balanced(200)
    chosen = choose_minival(own, share=0.2, min_videos=4, seed=seed)
    np.testing.assert_array_equal((own.num_instances[chosen] > 0).sum(0), [8] * 5)
    shares = own.num_instances[chosen].sum(0) / own.num_instances.sum(0)
    np.testing.assert_allclose(shares, 0.2, atol=0.02)


def test_balance_never_costs_a_category_its_number_of_videos():
    counts = np.ones((100, 9), int)
    counts[:, 0] = 0
    counts[:8] = 50  # the only videos of the first category are crowded with all others
    counts[:8, 0] = 1
    categories = tuple(Category(k, f"category {k}") for k in range(1, 10))
    own = VideoContents(np.arange(100), categories, counts)
    chosen = choose_minival(own, share=0.1, min_videos=4, seed=0)
    assert chosen[:8].sum() == 4 and chosen.sum() == 10


def test_a_category_with_few_videos_gives_half_of_them():
    counts = np.zeros((40, 2), int)
    counts[:, 0] = 1
    counts[[3, 17, 30], 1] = 1
    own = VideoContents(np.arange(40), balanced(1).categories[:2], counts)
    chosen = choose_minival(own, share=0.1, min_videos=4, seed=0)
    assert chosen[[3, 17, 30]].sum() == 1 and chosen.sum() == 4
