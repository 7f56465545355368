import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.models.matching import pair_matches
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
