import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.models.heads.box import DELTA_STDS, DetectionLimits, decode_detections
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.structures import Proposals


def test_a_detection_is_decoded_from_the_proposal_that_is_its_source():
    corner = 40 * jax.random.uniform(jax.random.key(0), (6, 2))
    proposals = Proposals(
        boxes=jnp.concatenate([corner, corner + 20], axis=1),
        scores=jnp.ones(6),
        valid=jnp.arange(6) < 5,
    )
    logits = 3 * jax.random.normal(jax.random.key(1), (6, 4))
    deltas = jax.random.normal(jax.random.key(2), (6, 4, 4))
    got = jax.device_get(
        decode_detections(
            logits,
            deltas,
            proposals,
            jnp.array([90, 90]),
            jnp.array([0.5, 0.25]),
            limits=DetectionLimits(score_threshold=0.2, candidates=18, detections=12),
            convention=INCLUSIVE,
        )
    )
    source, labels = got.source[got.valid], got.labels[got.valid]
    assert len(source) > 3 and source.max() < 5 and got.overflow == 0
    boxes = INCLUSIVE.decode(proposals.boxes[source], deltas[source, labels + 1], stds=DELTA_STDS)
    want = INCLUSIVE.clip(boxes, jnp.array([90, 90])) / jnp.array([0.5, 0.25, 0.5, 0.25])
    np.testing.assert_allclose(got.boxes[got.valid], want, rtol=1e-6)
    probs = jax.nn.softmax(logits)[source, labels + 1]
    np.testing.assert_allclose(got.scores[got.valid], probs, rtol=1e-6)


def test_an_object_of_two_likely_classes_is_detected_once_if_boxes_suppress_across_classes():
    proposals = Proposals(
        boxes=jnp.array([[0.0, 0, 20, 20], [50, 50, 80, 80]]), scores=jnp.ones(2), valid=jnp.ones(2)
    )
    logits = jnp.log(jnp.array([[0.1, 0.5, 0.4], [0.1, 0.3, 0.6]]))
    found = {}
    for across in (False, True):
        got = decode_detections(
            logits,
            jnp.zeros((2, 3, 4)),
            proposals.replace(valid=proposals.valid > 0),
            jnp.array([90, 90]),
            jnp.array(1.0),
            limits=DetectionLimits(0.05, candidates=4, detections=4, across_classes=across),
            convention=INCLUSIVE,
        )
        kept = np.asarray(got.valid)
        found[across] = sorted(
            zip(got.source[kept].tolist(), got.labels[kept].tolist(), strict=True)
        )
    assert found[False] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert found[True] == [(0, 0), (1, 1)]
