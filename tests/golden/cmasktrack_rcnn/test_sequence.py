"""Frame after frame of the recorded videos: proposals, averages over references, tracks, masks.

Every frame gets the reference frames that its record names, so that v1, whose windows have the
reference implementation's defect, is compared as well.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.cmasktrack_rcnn.published_model import (
    apply,
    clip_setting,
    published_model,
    recorded_videos,
    small_model,
    tracking,
    video_frames,
)
from golden.comparison import (
    BOX_TOLERANCE,
    MASK_PIXELS,
    SCORE_TOLERANCE,
    assert_recorded,
    assert_same_proposals,
    differing_pixels,
)
from golden_folder import golden_arrays

from ovis_jax.data.transforms import Resizing, frame_geometry, transform_image
from ovis_jax.models.references import weighted_mean
from ovis_jax.structures import Detections, Proposals
from ovis_jax.tracking.paste import paste_mask, pixel_boxes

REFERENCES = 10  # places for reference frames
ROIS = 1000
OBJECTS = 128  # places of the track memory

pytestmark = pytest.mark.exhaustive


def record(name):
    return golden_arrays("cmasktrack_rcnn", "sequence.npz")[name]


@functools.cache
def encoded(video: str):
    """Pyramid of all frames [T, ...], the size of the resized frame, and its scale."""
    frames, setting = video_frames(video), clip_setting()
    height, width = frames.shape[1:3]
    geometry = frame_geometry(width, height, Resizing(tuple(setting["img_scale"]), 32))
    assert [geometry.height, geometry.width] == setting["img_shape"][:2]
    canvases = np.stack([transform_image(frame, geometry, flip=False) for frame in frames])
    size = np.array([geometry.height, geometry.width])
    return apply("encode", canvases, np.tile(size, (len(frames), 1))), size, geometry.scale


@functools.cache
def program():
    """Query, references and proposals → mean class logits and deltas, and the detections."""
    system, variables = small_model()

    def detect(system, query, references, weights, *rest):
        queries = [jnp.broadcast_to(q, r.shape) for q, r in zip(query, references, strict=True)]
        calibrated = system.calibrate(queries, references)
        proposals, *frame = rest
        return system.detect_among(proposals, query, calibrated, weights, *frame)

    def compute(variables, *arguments):
        found, state = system.apply(
            variables, *arguments, method=detect, capture_intermediates=True
        )
        (outputs,) = state["intermediates"]["box"]["__call__"]
        return *(weighted_mean(x, arguments[2]) for x in outputs), found

    return functools.partial(jax.jit(compute), variables)


def window(video: str, frame: dict):
    """Pyramid of the query [1, ...], of its recorded references [F, ...], and their weights [F]."""
    pyramid, *_ = encoded(video)
    references = frame["reference_frames"]
    places = np.resize(references, REFERENCES)
    weights = (np.arange(REFERENCES) < len(references)) / len(references)
    query = tuple(x[frame["frame"]][None] for x in pyramid)
    return query, tuple(x[places] for x in pyramid), jnp.asarray(weights, jnp.float32)


def padded(rows: np.ndarray, capacity: int) -> np.ndarray:
    return np.concatenate([rows, np.zeros((capacity - len(rows), *rows.shape[1:]), rows.dtype)])


@pytest.mark.parametrize("video", recorded_videos())
def test_every_frame_of_the_video(video):
    system, _ = published_model()
    _, size, scale = encoded(video)
    memory = system.tracker.init_memory(OBJECTS, system.embedding_size)
    for frame in tracking(video):
        name = f"{video}_t{frame['frame']}"
        around = window(video, frame)
        proposals = record(f"{name}/proposals")
        ours = jax.tree.map(lambda x: np.asarray(x[0]), apply("propose", around[0], size[None]))
        rows = np.concatenate([ours.boxes, ours.scores[:, None]], 1)
        assert_same_proposals(rows[ours.valid], proposals)

        count = len(proposals)
        given = Proposals(
            boxes=padded(proposals[:, :4], ROIS),
            scores=padded(proposals[:, 4], ROIS),
            valid=np.arange(ROIS) < count,
        )
        logits, deltas, found = program()(*around, given, size, np.float32(scale))
        _assert_recorded(logits[:count], f"{name}/cls_logits_mean")
        _assert_recorded(deltas.reshape(ROIS, -1)[:count], f"{name}/deltas_mean")
        found = without_detections(found) if not frame["detections"] else found
        check_detections(found, record(f"{name}/det_bboxes"), record(f"{name}/det_labels"))
        memory = check_tracks(memory, found, frame, name)
        check_masks(found, frame, name, scale)


def without_detections(found: Detections) -> Detections:
    """As the recorded run did in some frames of v2, to see what the tracker makes of it."""
    return found.replace(valid=jnp.zeros_like(found.valid))


def check_detections(found: Detections, boxes: np.ndarray, labels: np.ndarray) -> None:
    assert found.overflow == 0
    assert found.valid.sum() == len(boxes)
    np.testing.assert_array_equal(found.labels[: len(boxes)], labels)
    if len(boxes):
        assert np.abs(found.boxes[: len(boxes)] - boxes[:, :4]).max() < BOX_TOLERANCE
        assert np.abs(found.scores[: len(boxes)] - boxes[:, 4]).max() < SCORE_TOLERANCE


def check_tracks(memory, found: Detections, frame: dict, name: str):
    """Scores of the match, identities and who holds them; returns the memory after the frame."""
    system, _ = published_model()
    count, objects = int(found.valid.sum()), int(memory.count)
    if count:
        _assert_recorded(found.embeddings[:count], f"{name}/det_embed")
    if count and objects:
        own = system.tracker.match_scores(memory, found)[:count, : objects + 1]
        _assert_recorded(own, f"{name}/comp_scores")
    memory, ids, kept = system.tracker.update(memory, found)
    np.testing.assert_array_equal(ids[:count], record(f"{name}/track_ids"))
    holders = {str(int(ids[i])): int(i) for i in np.flatnonzero(kept)}
    assert holders == frame["kept"]
    assert int(memory.count) == frame["memory_after"]
    return memory


def check_masks(found: Detections, frame: dict, name: str, scale: float) -> None:
    """Mask logits, and masks in the size of the original frame, also of what has no identity."""
    detections = frame["detections"]
    if not detections:
        return
    logits = np.asarray(found.mask_logits[: len(detections)])
    _assert_recorded(logits, f"{name}/mask_logits")
    boxes = pixel_boxes(found.mask_boxes[: len(detections)], scale)
    for own, box, want in zip(logits, boxes, detections, strict=True):
        mask = paste_mask(own, box, *want["rle"]["size"])
        assert differing_pixels(mask, want["rle"]) <= MASK_PIXELS


def _assert_recorded(ours, name: str) -> None:
    assert_recorded(ours, name, file="sequence.npz", channels_last=False)
