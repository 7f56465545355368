import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.models.matching import draw_partners, pair_matches
from ovis_jax.structures import Instances


def instances(identities, valid):
    return Instances(
        boxes=None,
        labels=None,
        identities=jnp.asarray(identities, jnp.int32),
        masks=None,
        valid=jnp.asarray(valid),
    )


@given(seed=st.integers(0, 10**6))
def test_matches_are_the_slots_of_the_same_identities(seed):
    rng = np.random.default_rng(seed)
    identities = [rng.permutation(7)[:5] - 2 for _ in range(2)]
    valid = rng.random((2, 5)) < 0.7
    got = pair_matches(*map(instances, identities, valid))
    for slot, match in enumerate(np.asarray(got)):
        same = np.flatnonzero(valid[1] & (identities[1] == identities[0][slot]))
        assert match == (1 + same[0] if valid[0, slot] and len(same) else 0)


def test_identities_in_invalid_slots_match_nothing():
    query = instances([3, 3, 9], [True, False, True])
    reference = instances([9, 3, 3], [False, True, False])
    np.testing.assert_array_equal(pair_matches(query, reference), [2, 0, 0])


def test_partners_are_rows_of_the_same_object_and_all_are_drawn():
    matches = jnp.array([2, 0, 1])  # 0 is 1 in the other frame, 1 is not there, 2 is 0
    index, positive = jnp.array([0, 0, 1, 2, 2]), jnp.array([True, True, True, True, False])
    others = jnp.array([1, 0, 1, 0, 1, 1]), jnp.array([True, True, True, True, True, False])
    seen = [set(), set(), set(), set(), set()]
    for draw in range(6):
        draws = jnp.full(5, draw + 12, jnp.uint32)
        partner, shared = draw_partners(matches, (index, positive), others, draws)
        np.testing.assert_array_equal(shared, [True, True, False, True, False])
        for row, own in enumerate(np.asarray(partner)):
            seen[row].add(int(own))
    assert seen == [{0, 2, 4}, {0, 2, 4}, {0}, {1, 3}, {0}]


def test_the_largest_draw_is_a_number_like_others():
    partner, shared = draw_partners(
        jnp.array([1]),
        (jnp.zeros(1, jnp.int32), jnp.ones(1, bool)),
        (jnp.zeros(4, jnp.int32), jnp.ones(4, bool)),
        jnp.array([2**32 - 1], jnp.uint32),
    )
    assert shared.all() and partner.tolist() == [3]
