"""From the maps of a frame to its detections, masks and similarities, in both recorded runs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import BOX_TOLERANCE, MAP_TOLERANCE
from golden.crossvis.crossvis_model import (
    RUNS,
    SCORE_TOLERANCE,
    SIMILARITY_TOLERANCE,
    VIDEOS,
    assert_recorded,
    clip_scale,
    clip_size,
    frame_names,
    manifest,
    point_strides,
    probabilities,
    record,
    run_file,
    run_name,
    settings,
    system_of,
    thinned,
    tracked_frames,
)
from golden.crossvis.test_frame import stages_of_all_frames

from ovis_jax.models.crossvis_decoding import in_original_frame, point_candidates, suppress
from ovis_jax.models.heads.dynamic_mask import mask_logits
from ovis_jax.models.heads.fcos import STRIDES
from ovis_jax.ops.points import grid_points
from ovis_jax.structures import Detections
from ovis_jax.tracking.aligned_masks import grid_weights

FRAMES = frame_names()
TRACKS = 256

pytestmark = pytest.mark.exhaustive
every_frame = pytest.mark.parametrize("frame", FRAMES)
every_run = pytest.mark.parametrize("run", RUNS)


@functools.cache
def candidates(run, frame):
    """The candidates of a frame, and the points of all levels."""
    ours, number, own = stages_of_all_frames(), FRAMES.index(frame), settings(run)
    maps = jax.tree.map(lambda x: x[number], ours["maps"])
    shapes = [x.shape[-3:-1] for x in ours["pyramid"]]
    points = [grid_points(*size, stride) for size, stride in zip(shapes, STRIDES, strict=True)]
    found = point_candidates(
        jax.nn.sigmoid(maps.logits) * jax.nn.sigmoid(maps.centerness)[:, None],
        maps.distances,
        points,
        threshold=own["score_threshold"],
        level_candidates=own["pre_nms_topk"],
        capacity=len(STRIDES) * own["pre_nms_topk"],
    )
    return found, np.concatenate(points)


@functools.cache
def survivors(run, frame):
    own = settings(run)
    found, _ = candidates(run, frame)
    return suppress(found, nms_iou=own["nms_iou"], capacity=own["post_nms_topk"])


def recorded(run, frame, name):
    return record(f"{run_name(run, frame)}/{name}", run_file(run))


def assert_same_boxes(ours, run, frame, prefix):
    """Boxes, scores, classes, levels and places of candidates in the order of the record."""
    _, places = candidates(run, frame)
    number_of_level = np.searchsorted(STRIDES, point_strides(stages_of_all_frames()["pyramid"]))
    np.testing.assert_array_equal(ours.labels, recorded(run, frame, f"{prefix}_classes"))
    np.testing.assert_array_equal(
        number_of_level[ours.point, 0], recorded(run, frame, f"{prefix}_levels")
    )
    if f"{run_name(run, frame)}/{prefix}_locations" in manifest()["files"][run_file(run)]:
        want = recorded(run, frame, f"{prefix}_locations")
        np.testing.assert_array_equal(places[ours.point], want)
    assert np.abs(ours.boxes - recorded(run, frame, f"{prefix}_boxes")).max() < BOX_TOLERANCE
    assert np.abs(ours.scores - recorded(run, frame, f"{prefix}_scores")).max() < SCORE_TOLERANCE


def taken(found, index):
    return jax.tree.map(lambda x: np.asarray(x)[index], found.replace(overflow=None))


@every_frame
@every_run
def test_candidates(run, frame):
    found, _ = candidates(run, frame)
    assert found.overflow == 0
    own = taken(found, np.flatnonzero(found.valid))
    assert_same_boxes(taken(own, recorded_candidates(own, run, frame)), run, frame, "cand")


def recorded_candidates(own, run, frame):
    """Where ours stand in the records, whose order within a level is that of an unsorted top-k."""
    labels, boxes = (recorded(run, frame, f"cand_{x}") for x in ("classes", "boxes"))
    distance = np.abs(boxes[:, None] - own.boxes).max(-1)
    nearest = np.where(labels[:, None] == own.labels, distance, np.inf).argmin(1)
    assert len(nearest) == len(own.labels) == len(set(nearest.tolist()))
    return nearest


@every_frame
@every_run
def test_survivors_of_suppression_in_their_order(run, frame):
    found = survivors(run, frame)
    count = len(recorded(run, frame, "nms_scores"))
    assert found.valid[:count].all() and not found.valid[count:].any()
    assert_same_boxes(taken(found, np.arange(count)), run, frame, "nms")


@functools.cache
def detections(run, frame) -> Detections:
    """Detections of a frame without masks, of all slots."""
    found = in_original_frame(survivors(run, frame), clip_size(), clip_scale())
    embeddings = stages_of_all_frames()["embeddings"][FRAMES.index(frame)]
    empty = jnp.zeros((len(found.valid), 1, 1))
    return Detections(
        boxes=found.boxes,
        scores=found.scores,
        labels=found.labels,
        embeddings=embeddings[found.source],
        mask_logits=empty,
        mask_boxes=found.boxes,
        valid=found.valid,
        overflow=found.overflow,
    )


@every_frame
def test_boxes_networks_and_embeddings_of_detections(frame):
    ours, number = stages_of_all_frames(), FRAMES.index(frame)
    found = detections("main", frame)
    want = recorded("main", frame, "out_boxes")
    assert found.valid.sum() == len(want) and found.valid[: len(want)].all()
    assert np.abs(found.boxes[: len(want)] - want).max() < BOX_TOLERANCE
    kept = survivors("main", frame)
    source = kept.point[np.asarray(kept.valid)]
    assert_recorded(ours["networks"][number][source], f"{frame}/det_ctl", channels_last=False)
    assert_recorded(ours["embeddings"][number][source], f"{frame}/det_reid", channels_last=False)


@functools.cache
def masks(frame):
    """Logits of the masks of the survivors of a frame's main run, of all slots."""
    ours, number, kept = stages_of_all_frames(), FRAMES.index(frame), survivors("main", frame)
    _, places = candidates("main", frame)
    scales = 8 * point_strides(ours["pyramid"])[:, 0]
    own = (ours["networks"][number][kept.point], places[kept.point], scales[kept.point])
    return drawn(ours["features"][number], *own)


@jax.jit
def drawn(features, networks, places, scales):
    return mask_logits(features, networks, places, scales, system_of("main").mask.network)


@every_frame
def test_probabilities_of_masks(frame):
    count = len(recorded("main", frame, "nms_scores"))
    probs = probabilities(masks(frame)[:count])
    names = {f"{frame}/mask_probs": probs, f"{frame}/mask_probs_first16": probs[:16]}
    recorded_names = set(names) & set(manifest()["files"]["frames"])
    assert recorded_names
    for name in recorded_names:
        assert np.abs(thinned(names[name], name) - record(name)).max() < MAP_TOLERANCE


@pytest.mark.parametrize("video", VIDEOS)
def test_probabilities_of_the_first_masks_in_the_original_size(video):
    frame, (height, width) = f"v{video}_t0", manifest()["test_size"]
    count = manifest()["files"]["frames"][f"{frame}/full_probs"]["shape"][0]
    probs = probabilities(masks(frame)[:count])
    by_row = grid_weights(probs.shape[1], height, manifest()["H"])
    by_column = grid_weights(probs.shape[2], width, manifest()["W"])
    full = np.einsum("yr,drc,xc->dyx", by_row, probs, by_column)
    got, want = thinned(full, f"{frame}/full_probs"), record(f"{frame}/full_probs")
    assert np.abs(got - want).max() < MAP_TOLERANCE


@pytest.mark.parametrize("video", VIDEOS)
@every_run
def test_similarities_and_what_becomes_of_every_detection(run, video):
    tracker = system_of(run).tracker
    frames = [frame for frame in tracked_frames(run) if frame["video"] == video]
    memory = tracker.init_memory(TRACKS, system_of(run).embedding_size)
    for want in frames:
        name = f"v{video}_t{want['frame']}"
        found, count, tracks = detections(run, name), len(want["detections"]), int(memory.count)
        similarities = np.asarray(tracker.similarities(memory, found))[:count, :tracks]
        sims = recorded(run, name, "sims")
        assert similarities.shape == sims.shape
        assert not sims.size or np.abs(similarities - sims).max() < SIMILARITY_TOLERANCE
        memory, output = tracker.step(memory, found)
        assert_same_fates(output, similarities, want["detections"])
        assert int(memory.count) == want["memory_after"]
        kept = np.asarray(output.ids)[np.asarray(output.valid)]
        assert tracks - np.sum(kept < tracks) == want["lost"]


def assert_same_fates(output, similarities, detections):
    """New, matched or dropped; the best track, and how similar it is."""
    output = jax.device_get(output)
    ids, valid = output.ids, output.valid
    assert not valid[len(detections) :].any()
    for i, want in enumerate(detections):
        assert valid[i] == (want["kind"] != "drop")
        assert want["kind"] == "drop" or ids[i] == want["track_id"]
        assert output.labels[i] == want["label"]
        assert np.abs(output.boxes[i] - want["box"]).max() < BOX_TOLERANCE
        assert abs(output.scores[i] - want["score"]) < SCORE_TOLERANCE
        if similarities.size:
            assert abs(similarities[i].max() - want["best_sim"]) < SIMILARITY_TOLERANCE
        if want["kind"] != "new":
            assert similarities[i].argmax() == want["best_track"]
