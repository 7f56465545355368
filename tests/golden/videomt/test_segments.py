"""The functions of transformers on the queries of single frames."""

import numpy as np
import pytest
from golden.videomt.test_frames import square_arrays
from golden.videomt.videomt_model import record, settings, videos
from golden_folder import golden_json

from ovis_jax.tracking.frame_segments import (
    instance_segments,
    panoptic_segments,
    query_scores,
    semantic_map,
)

PIXELS, SCORES = 1, 2e-4
FRAMES = [name for names in videos().values() for name in names]
# As the README of the records says.
MADE_BY = {
    "instance_0.5": lambda *a: instance_segments(*a),
    "instance_0.3": lambda *a: instance_segments(*a, threshold=0.3),
    "instance_0.2": lambda *a: instance_segments(*a, threshold=0.2),
    "panoptic_default": lambda *a: panoptic_segments(*a),
    "panoptic_0.3": lambda *a: panoptic_segments(*a, threshold=0.3),
    "panoptic_fuse": lambda *a: panoptic_segments(
        *a, threshold=0.3, mask_threshold=0.4, overlap=0.3, fused={2, 8, 14}
    ),
}
every_frame = pytest.mark.parametrize("frame", FRAMES)


def assert_same(ours, theirs_map, theirs, pixels=PIXELS):
    assert [(s.id, s.label) for s in ours.segments] == [(t["id"], t["label_id"]) for t in theirs]
    scores = [t["score"] for t in theirs]
    np.testing.assert_allclose([s.score for s in ours.segments], scores, atol=SCORES)
    assert (ours.map != theirs_map).sum() <= pixels


@every_frame
def test_segments_of_recorded_frames(frame):
    own = square_arrays()[frame]
    size = settings()["H"], settings()["W"]
    lists = golden_json("videomt", "hf_post.json")[frame]
    assert lists
    for kind, theirs in lists.items():
        ours = MADE_BY[kind](own["class_logits"], own["mask_logits"], size)
        assert_same(ours, record(f"{frame}/{kind}", "hf_post"), theirs)


@every_frame
def test_scores_and_classes_of_pixels(frame):
    own = square_arrays()[frame]
    size = settings()["H"], settings()["W"]
    scores = query_scores(own["class_logits"], own["mask_logits"], size)
    np.testing.assert_allclose(scores, record(f"{frame}/instance_scores", "hf_post"), atol=SCORES)
    ours = semantic_map(own["class_logits"], own["mask_logits"], size)
    assert (ours != record(f"{frame}/semantic", "hf_post")).sum() <= PIXELS


HAND_MADE = MADE_BY | {
    "panoptic_none": lambda *a: panoptic_segments(*a, threshold=0.99999),
}


def hand_made(kind):
    """Logits, size and what the reference says of them."""
    logits = record("post/class_logits", "ops"), record("post/mask_logits", "ops")
    theirs = record(f"post/{kind}", "ops")
    return (*logits, theirs.shape), theirs


@pytest.mark.parametrize("kind", ["instance_0.5", "instance_0.2", "panoptic_0.3", "panoptic_none"])
def test_hand_made_logits(kind):
    arguments, theirs = hand_made(kind)
    segments = golden_json("videomt", "ops.json")["post"][kind]
    assert_same(HAND_MADE[kind](*arguments), theirs, segments, pixels=0)


def test_segments_of_the_one_class_that_is_fused():
    """The records do not say which class that is."""
    arguments, theirs = hand_made("panoptic_fuse")
    segments = golden_json("videomt", "ops.json")["post"]["panoptic_fuse"]
    fits = []
    for label in range(arguments[0].shape[1] - 1):
        ours = panoptic_segments(*arguments, threshold=0.3, overlap=0.2, fused={label})
        same = [s.label for s in ours.segments] == [t["label_id"] for t in segments]
        if same and (ours.map == theirs).all():
            assert_same(ours, theirs, segments, pixels=0)
            fits.append(label)
    assert len(fits) == 1


def test_semantic_map_of_hand_made_logits():
    arguments, theirs = hand_made("semantic")
    assert (semantic_map(*arguments) == theirs).all()
