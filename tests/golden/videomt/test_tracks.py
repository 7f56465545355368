"""The authors' track rule: streamed frames to results.json."""

import functools

import numpy as np
import pytest
from golden.videomt.videomt_model import (
    MASK_PIXELS,
    SCORE_TOLERANCE,
    canvases,
    published,
    record,
    resized_size,
    settings,
    videos,
)
from golden_folder import golden_json
from pycocotools import mask as coco

from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import VideoStream

CAPACITIES = (10, 20)
every_limit = pytest.mark.parametrize("limit", CAPACITIES)


@functools.cache
def streamed(limit):
    """Tracks of both videos, finished; the frames come in chunks of three."""
    system, variables = published(max_results=limit)
    stream = VideoStream(system, variables, chunk=3, tracks=1)
    size, start, found = tuple(int(n) for n in resized_size()), 0, {}
    original = settings()["H"], settings()["W"]
    scale = size[1] / original[1], size[0] / original[0]
    for video, names in videos().items():
        own = VideoTracks(original[1], original[0], scale, system.mask_rule)
        outputs = stream(canvases()[start : start + len(names)], size, scale)
        for chunk in outputs:
            own.add(chunk)
        own.finish(stream.finish, outputs.memory)
        found[video] = own
        start += len(names)
    return system, found


def assert_same_masks(ours, theirs):
    for own, other in zip(ours, theirs, strict=True):
        different = coco.decode(own) != coco.decode(other)
        assert different.sum() <= MASK_PIXELS


@every_limit
@pytest.mark.parametrize("video", [0, 1])
def test_kept_queries_and_classes_best_first(limit, video):
    _, found = streamed(limit)
    theirs = golden_json("videomt", f"tracking_max{limit}.json")[f"v{video}"]
    tracks = found[video].tracklets.tracks()
    assert [int(track.labels[0]) for track in tracks] == [entry["label"] for entry in theirs]
    for track, entry in zip(tracks, theirs, strict=True):
        np.testing.assert_allclose(track.scores, entry["score"], atol=SCORE_TOLERANCE)
        assert_same_masks(track.rles, entry["masks"])


@every_limit
def test_results_file(limit):
    system, found = streamed(limit)
    categories = range(1, settings()["model"]["num_labels"] + 1)
    ours = [
        entry
        for video, own in found.items()
        for entry in own.tracklets.records(video + 1, own.length, categories, system.track_rule)
    ]
    theirs = golden_json("videomt", f"results_max{limit}.json")

    def order(entry):  # theirs is that of an unsorted choice
        return entry["video_id"], -entry["score"]

    for own, entry in zip(sorted(ours, key=order), sorted(theirs, key=order), strict=True):
        assert own.keys() == entry.keys()
        assert (own["video_id"], own["category_id"]) == (entry["video_id"], entry["category_id"])
        assert abs(own["score"] - entry["score"]) <= SCORE_TOLERANCE
        assert_same_masks(own["segmentations"], entry["segmentations"])


@pytest.mark.parametrize("video", [0, 1])
def test_mean_logits_and_scores_of_all_queries(video):
    _, found = streamed(10**6)
    scores = record(f"v{video}/scores")
    tracks = found[video].tracklets.tracks()
    assert len(tracks) == scores.size
    ours = sorted((track.scores[0], int(track.labels[0])) for track in tracks)
    labels = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    theirs = sorted(zip(scores.ravel(), labels.ravel(), strict=True))
    np.testing.assert_allclose([s for s, _ in ours], [s for s, _ in theirs], atol=SCORE_TOLERANCE)
    means = np.stack([track.class_scores.mean(axis=0) for track in tracks])
    distances = np.abs(means[:, None] - record(f"v{video}/mean_class_logits")).max(-1).min(1)
    assert distances.max() <= 1e-4
