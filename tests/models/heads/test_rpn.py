"""Predictions and targets of the region proposal network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.heads.rpn import RPNHead, rpn_targets
from ovis_jax.ops.anchors import grid_anchors
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.platforms import traced_for
from ovis_jax.structures import Instances


def test_all_levels_on_one_canvas_are_what_they_are_one_by_one():
    head = RPNHead(channels=4)
    keys = jax.random.split(jax.random.key(0), 4)
    shapes = ((6, 9), (3, 5), (2, 3))
    pyramid = [jax.random.normal(k, (2, *s, 3)) for k, s in zip(keys, shapes, strict=False)]
    variables = head.init(keys[3], pyramid)
    want = jax.jit(head.apply)(variables, pyramid)
    with traced_for("gpu"):
        got = jax.jit(lambda *x: head.apply(*x))(variables, pyramid)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), got, want)


@pytest.mark.parametrize("platform", ["cpu", "gpu", "tpu"])
def test_some_anchors_are_predicted_as_they_are_among_all(platform):
    head = RPNHead(channels=4)
    keys = jax.random.split(jax.random.key(0), 5)
    shapes = ((6, 9), (3, 5), (2, 3))
    pyramid = [jax.random.normal(k, (2, *s, 3)) for k, s in zip(keys, shapes, strict=False)]
    variables = head.init(keys[3], pyramid)
    count = 3 * sum(height * width for height, width in shapes)
    index = jax.random.randint(keys[4], (2, 40), 0, count)  # some of them twice
    index = index.at[:, :2].set(jnp.array([0, count - 1]))
    weights = jax.random.normal(keys[4], (2, 40, 5))

    def among_all(head, pyramid):
        logits, deltas = head(pyramid)
        logits = jnp.take_along_axis(logits, index, 1)
        return logits, jnp.take_along_axis(deltas, index[..., None], 1)

    def alone(head, pyramid):
        return head.predict_at(head.features(pyramid), index)

    def value(variables, pyramid, method):
        logits, deltas = head.apply(variables, pyramid, method=method)
        total = jnp.sum(jnp.concatenate([logits[..., None], deltas], -1) * weights)
        return total, (logits, deltas)

    with traced_for(platform):
        got, want = (
            jax.jit(jax.value_and_grad(value, (0, 1), has_aux=True), static_argnums=2)(
                variables, pyramid, method
            )
            for method in (alone, among_all)
        )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), got, want)


def test_targets_are_the_drawn_anchors_with_the_way_to_their_objects():
    anchors = grid_anchors(8, 8, 8, 2.0, (0.5, 1.0, 2.0))
    boxes = jnp.array([[8.0, 8.0, 23.0, 23.0], [30.0, 20.0, 55.0, 40.0], [0.0, 0.0, 63.0, 63.0]])
    instances = Instances(
        boxes=boxes,
        labels=jnp.zeros(3, jnp.int32),
        identities=jnp.arange(3),
        masks=None,
        valid=jnp.array([True, True, False]),
    )
    size = jnp.array([60.0, 64.0])

    def targets(key, num_samples):
        return rpn_targets(key, anchors, size, instances, num_samples, convention=INCLUSIVE)

    height, width = size
    inside = (anchors[:, :2] >= 0).all(1) & (anchors[:, 2] < width) & (anchors[:, 3] < height)
    iou = np.asarray(INCLUSIVE.iou(boxes[:2], jnp.asarray(anchors))) * inside
    near = (iou >= 0.7).any(0)
    for own in iou:
        if own.max() >= 0.3:
            near |= own == own.max()
    far = inside & ~near & (iou.max(0) < 0.3)
    assert near.any() and far.sum() > 20

    everything = jax.jit(targets, static_argnums=1)(jax.random.key(0), 2 * len(anchors))
    for drawn, expected in ((everything.positive, near), (everything.negative, far)):
        assert sorted(everything.index[drawn].tolist()) == np.flatnonzero(expected).tolist()
    drawn = np.asarray(everything.positive)
    reached = INCLUSIVE.decode(
        jnp.asarray(anchors)[everything.index[drawn]], everything.deltas[drawn]
    )
    objects = np.asarray(boxes[:2])[iou[:, everything.index[drawn]].argmax(0)]
    np.testing.assert_allclose(reached, objects, atol=1e-4)
    assert not everything.deltas[~drawn].any()

    few = jax.jit(targets, static_argnums=1)(jax.random.key(1), 16)
    assert few.positive.sum() == min(near.sum(), 8)
    assert few.positive.sum() + few.negative.sum() == 16
    assert near[few.index[few.positive]].all() and far[few.index[few.negative]].all()
    assert len(set(few.index[few.negative].tolist())) == few.negative.sum()
