"""Detections, affinities and memory, frame by frame and track by track, in all recorded runs."""

import jax
import numpy as np
import pytest
from golden.comparison import MAP_TOLERANCE
from golden.stmask.sequences import detections, frame_numbers, sequence
from golden.stmask.stmask_model import (
    RUNS,
    assert_recorded,
    counts,
    file_of,
    frames_of,
    manifest,
    record,
    recorded,
    system_of,
    thinned,
    videos_of,
)
from golden.stmask.test_frame import maps_of, stages_of_all_frames

from ovis_jax.models.heads.track_shift import DISPLACEMENTS, roi_cells

BOXES, MEMORY_BOXES, SCORES, AFFINITIES = 2e-5, 1e-4, 1e-4, 1e-3
CELLS, FRAGILE_CELLS = 1, 40
ONE_CELL = 1e-2  # of the overlap of masks
NEAR_HALF = 1e-5  # logits; rounding is some 3e-6
FRAMES = [
    (run, video, t) for run in RUNS for video in videos_of(run) for t in frames_of(run, video)
]

pytestmark = pytest.mark.exhaustive
every_frame = pytest.mark.parametrize(("run", "video", "t"), FRAMES)


def want(run, video, t, name):
    return record(f"{video}_t{t}/{name}", file_of(run))


def has(run, video, t, name):
    return recorded(f"{video}_t{t}/{name}", file_of(run))


def assert_close(ours, run, video, t, name, tolerance, relative=True):
    key = f"{video}_t{t}/{name}"
    own, theirs = thinned(ours, key, file_of(run)), want(run, video, t, name)
    size = np.maximum(np.abs(theirs), 1) if relative else 1
    assert (np.abs(own - theirs) / size).max(initial=0) < tolerance, key


def counted(run, video, t):
    return next(x for x in counts(run) if (x["video"], x["frame"]) == (video, t))


def at(run, video, t, name):
    return jax.tree.map(lambda x: x[t], sequence(run, video)[name])


def fragile(run, video, t):
    """Tracks of which a crop edge stands next to a cell."""
    listed = manifest()["crop_edges_within_2e-4_px"].get(run, [])
    return [track for v, frame, track in listed if (v, frame) == (video, t)]


def allowed_cells(run, video, t, count):
    allowed = np.full(count, CELLS)
    allowed[[track for track in fragile(run, video, t) if track < count]] = FRAGILE_CELLS
    return allowed


@every_frame
def test_candidates_and_detections_in_their_order(run, video, t):
    number = frame_numbers(run, video)[t]
    maps = stages_of_all_frames()[0]["predicted"].maps if run != "ada" else maps_of("ada")
    probs = np.asarray(jax.nn.softmax(maps.logits[number]))[:, 1:]
    threshold = system_of(run)[0].score_threshold
    candidates = np.flatnonzero(probs.max(1) > threshold)
    np.testing.assert_array_equal(candidates, want(run, video, t, "cand_index"))
    if not has(run, video, t, "det_boxes"):
        return
    found, anchors = jax.tree.map(lambda x: x[number], detections(run))
    count = len(want(run, video, t, "det_scores"))
    assert found.valid[:count].all() and not found.valid[count:].any()
    np.testing.assert_array_equal(anchors[:count], want(run, video, t, "det_anchor"))
    np.testing.assert_array_equal(found.labels[:count] + 1, want(run, video, t, "det_classes"))
    assert_close(found.boxes[:count], run, video, t, "det_boxes", BOXES)
    assert_close(found.scores[:count], run, video, t, "det_scores", SCORES)
    for ours, theirs in ((found.coefficients, "det_coeff"), (found.embeddings, "det_embed")):
        assert_recorded(ours[:count], f"{video}_t{t}/{theirs}", file_of(run))
    centerness = np.asarray(maps.centerness[number])[anchors[:count]]
    own = want(run, video, t, "det_centerness")
    np.testing.assert_allclose(centerness.reshape(own.shape), own, atol=MAP_TOLERANCE)


@every_frame
def test_where_objects_have_moved(run, video, t):
    if not has(run, video, t, "shift_boxes"):
        assert t == 0 or at(run, video, t - 1, "memory").count == 0
        return
    before, moved = at(run, video, t - 1, "memory"), at(run, video, t, "moved")
    count = int(before.count)
    joined = at(run, video, t, "joined")
    similar = np.moveaxis(joined[..., : DISPLACEMENTS**2], -1, 0)
    key = f"{video}_t{t}/corr"
    kept = np.maximum(record(key, file_of(run)), 0)  # negative ones go no further
    assert np.abs(thinned(similar, key, file_of(run)) - kept).max() < MAP_TOLERANCE * kept.max()
    size = joined.shape[:2]
    cells = np.asarray(roi_cells(before.boxes[:count], *size))
    assert_close(cells, run, video, t, "roi_cells", MEMORY_BOXES)
    name = f"{video}_t{t}/roi_feat_0_1_2"
    if recorded(name, file_of(run)):
        regions = np.moveaxis(at(run, video, t, "regions"), -1, 1)
        assert_recorded(regions, name, file_of(run))
    assert_close(moved.boxes[:count], run, video, t, "shift_boxes", MEMORY_BOXES)
    shifts = moved.coefficients[:count] - before.coefficients[:count]
    assert_close(shifts, run, video, t, "shift_coeff", 1e-3)
    cells = (at(run, video, t, "moved_masks")[:count] > 0).sum((1, 2))
    different = np.abs(cells - want(run, video, t, "shift_mask_area"))
    assert (different <= allowed_cells(run, video, t, count)).all()


@every_frame
def test_affinities_and_what_becomes_of_every_detection(run, video, t):
    if not has(run, video, t, "det_track_ids"):
        assert (at(run, video, t, "ids") == -1).all()
        return
    ids = want(run, video, t, "det_track_ids")
    np.testing.assert_array_equal(at(run, video, t, "ids")[: len(ids)], ids)
    if has(run, video, t, "comp"):
        shape = manifest()["files"][f"{file_of(run)}.npz"][f"{video}_t{t}/comp"]["shape"]
        affinities = at(run, video, t, "affinities")[: shape[0], : shape[1]]
        edges = 2 * len(fragile(run, video, t))
        key = f"{video}_t{t}/comp"
        error = np.abs(thinned(affinities, key, file_of(run)) - want(run, video, t, "comp"))
        # A cell at one half within rounding changes the overlap of its mask by one cell.
        unsettled = (np.abs(at(run, video, t, "moved_masks")) < NEAR_HALF).any((1, 2))
        unsettled = np.concatenate([[False], unsettled])[: shape[1]]
        unsettled = thinned(np.broadcast_to(unsettled, shape), key, file_of(run))
        settled = error[~unsettled] > AFFINITIES
        assert settled.sum() <= edges * max(shape)
        assert edges or error.max(initial=0) <= ONE_CELL


@every_frame
def test_the_memory_after_each_frame(run, video, t):
    memory, own = at(run, video, t, "memory"), counted(run, video, t)
    count = int(memory.count)
    assert count == own["memory"] and memory.overflow == 0
    if not count:
        return
    np.testing.assert_array_equal(memory.labels[:count] + 1, want(run, video, t, "mem_classes"))
    np.testing.assert_array_equal(memory.ages[:count], want(run, video, t, "mem_age"))
    assert_close(memory.boxes[:count], run, video, t, "mem_boxes", MEMORY_BOXES)
    assert_close(memory.scores[:count], run, video, t, "mem_scores", SCORES)
    assert_close(memory.coefficients[:count], run, video, t, "mem_coeff", 1e-3)
    masks = at(run, video, t, "masks")[:count]
    different = np.abs((masks > 0).sum((1, 2)) - want(run, video, t, "mem_mask_area"))
    assert (different <= allowed_cells(run, video, t, count)).all()
    if has(run, video, t, "mem_masks"):
        probs = 1 / (1 + np.exp(-masks.astype(np.float64)))
        key = f"{video}_t{t}/mem_masks"
        error = np.abs(thinned(probs, key, file_of(run)) - want(run, video, t, "mem_masks"))
        assert (error > 1e-3).sum() <= FRAGILE_CELLS * len(fragile(run, video, t))
