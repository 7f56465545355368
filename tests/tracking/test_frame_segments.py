"""Segments of single frames, from logits made by hand."""

import numpy as np

from ovis_jax.tracking.frame_segments import (
    NOTHING,
    instance_segments,
    panoptic_segments,
    query_scores,
    semantic_map,
)

SIZE = (4, 6)
SURE, UNSURE = 8.0, 1.0


def frame(*queries):
    """Logits of queries (class, logit of it, columns) whose masks have whole columns."""
    classes = np.zeros((len(queries), 4), np.float32)
    masks = np.full((len(queries), *SIZE), -SURE, np.float32)
    for number, (label, logit, columns) in enumerate(queries):
        classes[number, label] = logit
        masks[number, :, columns] = SURE
    return classes, masks


def test_later_queries_lie_on_top_and_numbers_count_up():
    logits = frame((1, SURE, slice(0, 4)), (2, SURE, slice(3, 6)))
    found = instance_segments(*logits, SIZE)
    assert found.map[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert [(s.id, s.label) for s in found.segments] == [(0, 1), (1, 2)]


def test_scores_are_class_times_mask_probability_and_cut():
    logits = frame((1, SURE, slice(0, 4)), (2, UNSURE, slice(3, 6)))
    probs = np.exp(UNSURE) / (np.exp(UNSURE) + 3)
    scores = query_scores(*logits, SIZE)
    np.testing.assert_allclose(scores[1], probs / (1 + np.exp(-SURE)), rtol=1e-5)
    assert len(instance_segments(*logits, SIZE).segments) == 1
    assert len(instance_segments(*logits, SIZE, threshold=0.4).segments) == 2


def test_queries_without_a_pixel_are_no_objects():
    classes, masks = frame((1, SURE, slice(0, 0)))
    found = instance_segments(classes, masks, SIZE, threshold=0.0)
    assert not found.segments and (found.map == NOTHING).all()


def test_pixels_go_to_the_greatest_product_and_no_object_to_nobody():
    logits = frame((1, SURE, slice(0, 4)), (2, 5.0, slice(3, 6)), (3, SURE, slice(0, 6)))
    found = panoptic_segments(*logits, SIZE, overlap=0.5)
    assert found.map[0].tolist() == [0, 0, 0, 0, 1, 1]
    assert [s.label for s in found.segments] == [1, 2]


def test_a_segment_that_lost_most_of_its_mask_is_none():
    logits = frame((1, SURE, slice(0, 4)), (2, 5.0, slice(1, 5)))
    assert [s.label for s in panoptic_segments(*logits, SIZE).segments] == [1]


def test_fused_classes_have_one_segment():
    logits = frame((1, SURE, slice(0, 2)), (1, SURE, slice(4, 6)))
    assert len(panoptic_segments(*logits, SIZE).segments) == 2
    found = panoptic_segments(*logits, SIZE, fused={1})
    assert found.map[0].tolist() == [0, 0, NOTHING, NOTHING, 0, 0] and len(found.segments) == 1


def test_every_pixel_has_the_class_with_the_greatest_sum():
    logits = frame((1, SURE, slice(0, 3)), (2, SURE, slice(3, 6)))
    assert semantic_map(*logits, SIZE)[0].tolist() == [1, 1, 1, 2, 2, 2]
