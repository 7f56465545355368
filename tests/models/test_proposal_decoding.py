"""Proposals of all levels."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.models.proposal_decoding import decode_proposals
from ovis_jax.ops.anchors import grid_anchors
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.platforms import traced_for


def test_levels_sorted_together_give_the_proposals_of_one_level_after_the_other():
    sizes = ((6, 8, 8), (3, 4, 16), (2, 2, 32))
    anchors = [grid_anchors(*size, 2.0, (0.5, 1.0, 2.0)) for size in sizes]
    count = sum(map(len, anchors))
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.integers(-20, 20, count) / 8, jnp.float32)  # with equal scores
    deltas = jnp.asarray(rng.normal(scale=0.3, size=(count, 4)), jnp.float32)

    def proposals(capacity):
        def decode(logits, deltas):
            size = jnp.array([40.0, 60.0])
            limits = dict(level_capacity=20, capacity=capacity, convention=INCLUSIVE)
            return decode_proposals(logits, deltas, anchors, size, **limits)

        return jax.jit(decode)(logits, deltas)

    for capacity in (8, 70):  # fewer than survive, and more than there are
        want = proposals(capacity)
        with traced_for("tpu"):
            got = proposals(capacity)
        np.testing.assert_array_equal(got.valid, want.valid)
        assert want.valid.any()
        for ours, theirs in ((got.boxes, want.boxes), (got.scores, want.scores)):
            np.testing.assert_allclose(ours[want.valid], theirs[want.valid], rtol=1e-6)
