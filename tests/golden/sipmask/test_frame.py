"""Every stage of SipMask on frames of two clips, against the reference implementation's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import BOX_TOLERANCE
from golden.sipmask.sipmask_model import (
    LEVELS,
    SCORE_TOLERANCE,
    apply,
    assert_recorded,
    clip,
    clip_scale,
    clip_sizes,
    frame_names,
    levels,
    published_sipmask,
    record,
    thinned,
)

from ovis_jax.models.heads.subregion_mask import BASIS_STRIDE
from ovis_jax.models.heads.track_map import embeddings_at
from ovis_jax.models.sipmask_decoding import best_points, suppress
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.points import boxes_from_distances

FRAMES = frame_names()
RUNS = ("run10", "run30")
LEVEL_CANDIDATES = 200

pytestmark = pytest.mark.exhaustive


def everything(system, frames, sizes):
    """All that is recorded, in one program."""
    normalised = system.normalise(frames, sizes)
    stages = system.backbone(normalised)
    pyramid = system.neck(stages)
    maps = system.fcos(pyramid)
    levels = [system.fcos.level(x[:1], i) for i, x in enumerate(pyramid)]
    return {
        "normalised": normalised,
        "stages": stages,
        "pyramid": pyramid,
        "maps": maps,
        "coefficients": system.mask.coefficients(maps.class_features),
        "low_basis": system.mask.low_basis(maps.box_features),
        "basis": system.mask.basis(maps.box_features),
        "track": system.track(pyramid),
        "class_tower": [system.fcos.class_tower(x[:1]) for x in pyramid],
        "levels": levels,
        "offsets": [system.fcos.align.offsets(distances) for _, distances, *_ in levels],
    }


@pytest.fixture(scope="module")
def ours():
    return apply(everything, clip(), clip_sizes())


def test_frames_are_normalised_as_recorded(ours):
    assert_recorded(ours["normalised"][0][..., ::-1], record("v0_t0/net_input"))


@pytest.mark.parametrize("frame", FRAMES)
def test_backbone_stages_and_pyramid(ours, frame):
    names = ("c2", "c3", "c4", "c5", *(f"fpn_{level}" for level in LEVELS))
    for x, name in zip((*ours["stages"], *ours["pyramid"]), names, strict=True):
        assert_recorded(x[FRAMES.index(frame)], record(f"{frame}/{name}"))


def test_points_of_every_level(ours):
    np.testing.assert_array_equal(np.concatenate(points(ours)), record("points"))


@pytest.mark.parametrize("frame", FRAMES)
def test_predictions_of_every_point(ours, frame):
    number = FRAMES.index(frame)
    maps = jax.tree.map(lambda x: x[number], ours["maps"])
    coefficients = ours["coefficients"][number]
    joined = {
        "cls": maps.logits,
        "reg": maps.distances,
        "ctr": maps.centerness[:, None],
        "coef": coefficients.reshape(len(coefficients), -1),
    }
    for name, values in joined.items():
        for own, level in zip(levels(values, ours["pyramid"]), LEVELS, strict=True):
            assert_recorded(own, record(f"{frame}/{name}_{level}"))


@pytest.mark.parametrize("number", range(5))
def test_towers_and_feature_alignment(ours, number):
    _, distances, _, aligned, box_features = ours["levels"][number]
    stages = {
        "cls_tower": ours["class_tower"][number],
        "reg_unscaled": distances,
        "offsets": ours["offsets"][number],
        "cls_aligned": aligned,
        "reg_tower": box_features,
    }
    for name, values in stages.items():
        assert_recorded(values[0], record(f"v0_t0/{name}_{LEVELS[number]}"))


@pytest.mark.parametrize("frame", FRAMES)
def test_basis_and_tracking_maps(ours, frame):
    names = {"low_basis": "basis_low", "basis": "basis", "track": "track"}
    for mine, theirs in names.items():
        assert_recorded(ours[mine][FRAMES.index(frame)], record(f"{frame}/{theirs}"))


def points(ours):
    return published_sipmask()[0].fcos.points(ours["pyramid"])


def candidates(ours, maps):
    """The best points of every level of one frame's maps."""
    scores = jax.nn.sigmoid(maps.logits) * jax.nn.sigmoid(maps.centerness)[:, None]
    return best_points(
        scores, maps.distances, points(ours), clip_sizes()[0], clip_scale(), LEVEL_CANDIDATES
    )


@pytest.mark.parametrize("frame", FRAMES)
def test_boxes_of_all_points_and_those_that_enter_suppression(ours, frame):
    maps = jax.tree.map(lambda x: x[FRAMES.index(frame)], ours["maps"])
    size = clip_sizes()[0]
    boxes = boxes_from_distances(np.concatenate(points(ours)), maps.distances)
    boxes = INCLUSIVE.clip(boxes, size)
    want = record(f"{frame}/decoded")
    assert np.abs(thinned(boxes, want) - want).max() < BOX_TOLERANCE
    best = candidates(ours, maps)
    want = record(f"{frame}/nms_boxes")
    assert np.abs(thinned(best.boxes, want) - want).max() < BOX_TOLERANCE
    want = record(f"{frame}/nms_scores")
    assert np.abs(thinned(best.scores.T, want) - want).max() < SCORE_TOLERANCE


@pytest.mark.parametrize("frame", FRAMES)
def test_detections(ours, frame):
    maps = jax.tree.map(lambda x: x[FRAMES.index(frame)], ours["maps"])
    found = suppress(
        candidates(ours, maps),
        score_threshold=0.03,
        nms_iou=0.5,
        class_candidates=200,
        capacity=200,
    )
    found = jax.device_get(found)
    boxes, scores, labels, valid = found.boxes, found.scores, found.labels, found.valid
    want = record(f"{frame}/all_bboxes")
    assert valid.sum() == len(want) > 0 and valid[: len(want)].all()
    assert found.overflow == 0
    np.testing.assert_array_equal(labels[valid], record(f"{frame}/all_labels"))
    assert np.abs(boxes[valid] - want[:, :4]).max() < BOX_TOLERANCE
    assert np.abs(scores[valid] - want[:, 4]).max() < SCORE_TOLERANCE
    coefficients = ours["coefficients"][FRAMES.index(frame)][found.source[valid]]
    resized = jnp.asarray(boxes[valid] * clip_scale())
    embeddings = np.asarray(embeddings_at(ours["track"][FRAMES.index(frame)], resized))
    for run in RUNS:
        detections = f"detections_{run}.npz"
        kept = len(record(f"{frame}/det_labels", detections))
        for name, own in (("det_coeffs", coefficients), ("det_track_feats", embeddings)):
            own = own.reshape(len(own), -1)[:kept]
            assert_recorded(own, record(f"{frame}/{name}", detections), channels_last=False)


@pytest.mark.parametrize("video", (0, 1))
def test_boxes_that_crop_the_masks_of_the_first_frame(video):
    name, detections = f"v{video}_t0", "detections_run10.npz"
    boxes = record(f"{name}/det_bboxes", detections)[:, :4] * clip_scale() / BASIS_STRIDE
    assert np.abs(boxes - record(f"{name}/crop_boxes", detections)).max() < BOX_TOLERANCE
