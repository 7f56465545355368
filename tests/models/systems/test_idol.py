"""What IDOL promises beside what it shares with other systems."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.tiny_idol import tiny_config

from configs.parts.tracker import track_by_cues
from ovis_jax.models.build import build_system
from ovis_jax.models.instance_decoding import Selection, drop_duplicates, select_queries

RULE = Selection(score_threshold=0.1, box_nms=0.9, mask_nms=0.3)
BOX = [0.0, 0, 10, 10]


def logits_of(*probs):
    """Logits [Q, K] of probabilities of each query."""
    probs = np.float32(probs)
    return jnp.asarray(np.log(probs / (1 - probs)))


def queries_of(candidates):
    return np.asarray(candidates.query)[np.asarray(candidates.valid)].tolist()


def test_if_no_score_exceeds_the_threshold_the_best_query_alone_is_looked_at():
    boxes = jnp.asarray(np.float32([BOX] * 3))
    few = logits_of([0.05, 0.01], [0.02, 0.08], [0.01, 0.01])
    assert queries_of(select_queries(few, boxes, RULE, 4)) == [1]
    some = logits_of([0.05, 0.01], [0.02, 0.3], [0.2, 0.01])
    assert queries_of(select_queries(some, boxes, RULE, 4)) == [1, 2]


def test_boxes_are_suppressed_within_a_class_and_what_does_not_fit_is_counted():
    boxes = jnp.asarray(np.float32([BOX, BOX, BOX, [20, 0, 30, 10]]))
    logits = logits_of([0.5, 0.1], [0.6, 0.1], [0.1, 0.7], [0.4, 0.1])
    found = select_queries(logits, boxes, RULE, 4)
    assert queries_of(found) == [2, 1, 3] and found.overflow == 0
    assert found.labels[:3].tolist() == [1, 0, 0]
    found = select_queries(logits, boxes, RULE, 2)
    assert queries_of(found) == [2, 1] and found.overflow == 2


def test_masks_are_suppressed_whatever_their_class_and_the_second_empty_one_is_dropped():
    boxes = jnp.asarray(np.float32([[i, 0, i + 0.5, 1] for i in range(5)]))
    logits = logits_of([0.9, 0.1], [0.1, 0.8], [0.7, 0.1], [0.6, 0.1], [0.1, 0.5])
    masks = np.full((5, 4, 8), -9.0, np.float32)
    masks[0, :, :4], masks[1, :, 2:6], masks[2, :, 4:] = 9, 9, 9  # a third, none, and nothing
    candidates = select_queries(logits, boxes, RULE, 5)
    kept, place = jax.jit(lambda c, m: drop_duplicates(c, m, RULE))(candidates, masks)
    assert queries_of(kept) == [0, 2, 3]
    assert place[:3].tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.data.update(inclusive_boxes=True), "inclusive_boxes: True, expected False"),
        (lambda c: c.data.update(pad_multiple=16), "pad_multiple: 16, expected a multiple of 32"),
        (
            lambda c: track_by_cues(c).model.predictions.update(zero_masks=True),
            "zero_masks is True with linker 'cues'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    config = tiny_config().copy_and_resolve_references().unlock()
    change(config)
    with pytest.raises(ValueError, match=message):
        build_system(config)
