"""Detections, masks and identities of whole clips, from recorded frames to results.

Detections and masks are those of the published image model. Its tracking was never published: what
is recorded of it is constructed by the reading that docs/queryvis.md describes.
"""

import functools

import jax
import numpy as np
import pytest
from golden.comparison import differing_pixels
from golden.queryvis.queryvis_model import (
    BOX_TOLERANCE,
    KINDS,
    MASK_PIXELS,
    SCORE_TOLERANCE,
    assert_close_boxes,
    assert_recorded,
    clip_scale,
    clip_size,
    image_system,
    published_queryvis,
    record,
    settings,
    stages_of_all_frames,
    tracked_videos,
    video_frames,
)
from golden_folder import golden_arrays, golden_json

from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import ChunkOutput
from ovis_jax.models.systems.queryvis import QueryFeatures
from ovis_jax.structures import Window
from ovis_jax.tracking.box_grid_masks import paste_box_grids
from ovis_jax.tracking.paste import OriginalFrame

FRAMES = video_frames()
TRACKS = 256
TOTAL_TOLERANCE = 2e-2  # logits of embeddings are sums of a thousand products

pytestmark = pytest.mark.exhaustive
every_frame = pytest.mark.parametrize("frame", FRAMES)
every_kind = pytest.mark.parametrize("kind", KINDS)


def window(number: int) -> Window:
    """A frame of either video, encoded."""
    *_, pyramid, outputs, _ = stages_of_all_frames()
    features = QueryFeatures(tuple(pyramid), outputs[-1])
    return Window(
        features=jax.tree.map(lambda x: x[number][None], features),
        valid=np.ones(1, bool),
        image_size=clip_size(),
        scale=clip_scale(),
    )


@functools.cache
def image_detections():
    """Those of every frame by the rule of the image model; embeddings are not computed."""
    system, variables = published_queryvis()
    program = jax.jit(functools.partial(image_system(system).apply, method="detect"))
    return [jax.device_get(program(variables, window(i))) for i in range(len(FRAMES))]


def order_of(frame: str, found) -> np.ndarray:
    """Slots of our detections in the order of the recorded ones: the same set of pairs."""
    number = FRAMES.index(frame)
    sources = sources_of(number, found)
    ours = list(zip(sources.tolist(), found.labels.tolist(), strict=True))
    query, label = record(f"{frame}/det_query", "frames"), record(f"{frame}/det_labels", "frames")
    theirs = list(zip(query.tolist(), label.tolist(), strict=True))
    assert set(ours) == set(theirs) and len(set(theirs)) == len(theirs)
    return np.array([ours.index(pair) for pair in theirs])


def sources_of(number: int, found) -> np.ndarray:
    """The query of each detection, by its box and score."""
    *_, outputs, refined = stages_of_all_frames()
    boxes = refined[-1][number] / np.tile(clip_scale(), 2)
    probs = 1 / (1 + np.exp(-outputs[-1].logits[number][:, found.labels].T))  # [D, Q]
    distances = np.abs(boxes[None] - found.boxes[:, None]).max(-1) / BOX_TOLERANCE
    return (distances + np.abs(probs - found.scores[:, None]) / SCORE_TOLERANCE).argmin(1)


@every_frame
def test_detections_of_the_image_model(frame):
    found = image_detections()[FRAMES.index(frame)]
    assert found.valid.all()
    order, want = order_of(frame, found), record(f"{frame}/det_bboxes", "frames")
    assert_close_boxes(found.boxes[order], want[:, :4])
    np.testing.assert_allclose(found.scores[order], want[:, 4], atol=SCORE_TOLERANCE)
    assert_recorded(found.mask_logits[order], f"{frame}/det_mask_logits", "frames")


def recorded_detections() -> dict[str, list[dict]]:
    return {
        f"{own['video']}_t{own['frame']}": own["detections"]
        for own in golden_json("queryvis", "detections.json")
    }


def original_frame(number: int = 0) -> OriginalFrame:
    return OriginalFrame(*settings()["ori"], tuple(clip_scale()), number)


@every_frame
def test_masks_in_the_original_frame(frame):
    found = image_detections()[FRAMES.index(frame)]
    masks = paste_box_grids(found, original_frame())
    wanted = recorded_detections()[frame]
    rows = {
        (query, label): slot
        for slot, (query, label) in enumerate(
            zip(sources_of(FRAMES.index(frame), found), found.labels, strict=True)
        )
    }
    assert len(wanted) == len(rows)
    for want in wanted:
        own = masks[rows[want["query"], want["label"]]]
        assert differing_pixels(own, want["mask"]) <= MASK_PIXELS


def test_results_of_the_image_model():
    """As the published code writes them for the first frame, in no order."""
    found = image_detections()[0]
    masks = paste_box_grids(found, original_frame())
    wanted = list(golden_json("queryvis", "results_coco.json"))
    assert len(wanted) == found.valid.sum()
    for want in wanted:
        x, y, width, height = want["bbox"]
        box = np.array([x, y, x + width, y + height])
        same = found.labels + 1 == want["category_id"]
        distances = np.where(same, np.abs(found.boxes - box).max(-1), np.inf)
        slot = distances.argmin()
        assert distances[slot] < BOX_TOLERANCE
        assert abs(found.scores[slot] - want["score"]) < SCORE_TOLERANCE
        assert differing_pixels(masks[slot], want["segmentation"]) <= MASK_PIXELS


@functools.cache
def tracked(kind: str) -> dict[str, list]:
    """By video, for each frame: memory before, detections, total scores, memory after, output."""
    system, variables = published_queryvis(kind)

    @jax.jit
    def run(variables, memory, window):
        found = system.apply(variables, window, method="detect")
        totals = system.tracker.match_scores(memory, found)
        after, output = system.tracker.step(memory, found)
        return found, totals, after, output

    videos = {}
    for name, frames in tracked_videos(kind).items():
        memory, videos[name] = system.tracker.init_memory(TRACKS, system.embedding_size), []
        for frame in frames:
            number = FRAMES.index(f"{name}_t{frame['frame']}")
            before = memory
            found, totals, memory, output = run(variables, memory, window(number))
            videos[name].append(jax.device_get((before, found, totals, memory, output)))
    return videos


def frames_of(kind: str):
    """(name, recorded frame, what was found) of all frames of all videos."""
    for video, frames in tracked_videos(kind).items():
        for frame, own in zip(frames, tracked(kind)[video], strict=True):
            yield f"{video}_t{frame['frame']}", frame, own


@every_kind
def test_queries_that_are_tracked(kind):
    threshold = settings()["track_score_thr"]
    for name, frame, (_, found, *_) in frames_of(kind):
        valid = found.valid
        sources = sources_of(FRAMES.index(name), found)
        np.testing.assert_array_equal(sources[valid], record(f"{name}/query", "tracking"))
        np.testing.assert_array_equal(found.labels[valid], record(f"{name}/labels", "tracking"))
        assert_close_boxes(found.boxes[valid], record(f"{name}/boxes", "tracking"))
        want = record(f"{name}/scores", "tracking")
        np.testing.assert_allclose(found.scores[valid], want, atol=SCORE_TOLERANCE)
        assert (want >= threshold).all()
        assert found.overflow + valid.sum() == frame["above_threshold"]


@every_kind
def test_embeddings_and_total_scores(kind):
    for name, _, (before, found, totals, *_) in frames_of(kind):
        assert_recorded(found.embeddings[found.valid], f"{name}/{kind}/embed", "tracking")
        key = f"{name}/{kind}/total"
        if key not in golden_arrays("queryvis", "tracking.npz"):
            assert before.count == 0
            continue
        want = record(key, "tracking")
        own = totals[found.valid, : 1 + before.count]
        assert own.shape == want.shape
        np.testing.assert_allclose(own, want, atol=TOTAL_TOLERANCE)


@every_kind
def test_identities(kind):
    for name, frame, (_, found, _, memory, output) in frames_of(kind):
        want = record(f"{name}/{kind}/ids", "tracking")
        ids = output.ids[found.valid]
        np.testing.assert_array_equal(ids, want)
        assert [x["id"] for x in frame["detections"]] == want.tolist()
        last = {identity: slot for slot, identity in enumerate(want.tolist()) if identity >= 0}
        held = {int(i): s for s, i in enumerate(ids) if output.valid[s]}
        assert held.keys() == last.keys() and memory.overflow == 0


@every_kind
def test_results(kind):
    wanted = list(golden_json("queryvis", f"results_{kind}.json"))
    found = []
    categories = list(range(1, 1 + settings()["num_classes"]))
    height, width = settings()["ori"]
    for number, (_, frames) in enumerate(tracked(kind).items(), start=1):
        outputs = jax.tree.map(lambda *x: np.stack(x), *[own[-1] for own in frames])
        tracks = VideoTracks(width, height, clip_scale(), paste_box_grids)
        tracks.add(ChunkOutput(first_frame=0, stop_frame=len(frames), frames=outputs))
        found += tracks.tracklets.records(number, len(frames), categories)
    assert len(found) == len(wanted) > 0
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine["video_id"] == theirs["video_id"]
        assert mine["category_id"] == theirs["category_id"]
        assert abs(mine["score"] - theirs["score"]) < SCORE_TOLERANCE
        for a, b in zip(mine["segmentations"], theirs["segmentations"], strict=True):
            assert (a is None) == (b is None)
            assert a is None or differing_pixels(a, b) <= MASK_PIXELS
