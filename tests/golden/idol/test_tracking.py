"""From what queries say to identities and results: a synthetic sequence of every case there is."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import differing_pixels
from golden.idol.idol_model import (
    SCORE_TOLERANCE,
    SIMILARITY_TOLERANCE,
    config,
    record,
)

from ovis_jax.formats import rle
from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import ChunkOutput
from ovis_jax.models.build import build_system
from ovis_jax.models.systems.idol import IDOL, InstanceQueries
from ovis_jax.structures import Window

TRACKS = config().capacity.tracks  # as shipped, whatever the records hold


class WithMasks(IDOL):
    """IDOL whose queries come with their masks, which stand where the networks do."""

    def segment(self, frame, query, image_size, count):
        height, width = frame.mask_features.shape[:2]
        return frame.networks[query].reshape(-1, 2 * height, 2 * width)


def part(name):
    return record(f"sequence/{name}", "ops")


@pytest.fixture(scope="module")
def sequence():
    """Outputs of all frames, similarities before each, memories after each, and the tracks."""
    own = build_system(config())
    fields = {field.name for field in dataclasses.fields(IDOL)} - {"parent", "name"}
    system = WithMasks(**{name: getattr(own, name) for name in fields})
    masks = part("mask_logits")
    num_frames, num_queries, rows, columns = masks.shape
    capacity = own.capacity.replace(detections=num_queries)
    system = system.clone(capacity=capacity)
    height, width, original_height, original_width = (int(x) for x in part("sizes"))
    size, scale = np.float32([height, width]), width / original_width
    boxes = part("boxes")
    frames = InstanceQueries(
        logits=part("logits"),
        boxes=boxes,
        places=boxes[..., :2],
        networks=masks.reshape(num_frames, num_queries, -1),
        embeddings=part("embed"),
        mask_features=np.zeros((num_frames, rows // 2, columns // 2, 1), np.float32),
    )

    @jax.jit
    def run(frames):
        def step(memory, frame):
            window = Window(
                features=jax.tree.map(lambda x: x[None], frame),
                valid=jnp.ones(1, bool),
                image_size=size,
                scale=jnp.float32([scale, height / original_height]),
            )
            detections = system.detect(window)
            similarities = system.tracker.similarities(memory, detections)
            after, output = system.tracker.step(memory, detections)
            return after, (output, similarities, memory, detections)

        start = system.tracker.init_memory(TRACKS, part("embed").shape[-1])
        return jax.lax.scan(step, start, frames)

    memory, (outputs, similarities, before, detections) = jax.device_get(run(frames))
    tracks = VideoTracks(
        original_width, original_height, (scale, height / original_height), system.mask_rule
    )
    tracks.add(ChunkOutput(0, num_frames, outputs))
    tracks.finish(system.finish, memory)
    records = tracks.tracklets.records(1, num_frames, range(1, 100), system.track_rule)
    return outputs, similarities, before, detections, records


def test_detections_and_identities_of_every_frame(sequence):
    outputs, _, _, detections, _ = sequence
    for t in range(len(outputs.valid)):
        queries, ids = part(f"t{t}/q"), part(f"t{t}/ids")
        count = len(queries)
        assert detections.valid[t].sum() == count and detections.valid[t, :count].all()
        np.testing.assert_array_equal(
            detections.embeddings[t, :count], part("embed")[t, queries], err_msg=str(t)
        )
        valid = outputs.valid[t, :count]
        np.testing.assert_array_equal(valid, ids >= 0, err_msg=str(t))
        np.testing.assert_array_equal(outputs.ids[t, :count][valid], ids[valid], err_msg=str(t))


def test_similarities_and_the_memory_before_every_frame(sequence):
    outputs, similarities, before, *_ = sequence
    for t in range(1, len(outputs.valid)):
        want, count = part(f"t{t}/sim"), int(before.count[t])
        rows = len(part(f"t{t}/q"))
        np.testing.assert_allclose(
            similarities[t, :rows, :count], want, atol=SIMILARITY_TOLERANCE, err_msg=str(t)
        )


def test_the_memory_after_every_frame(sequence):
    _, _, before, *_ = sequence
    for t in range(len(before.count) - 1):
        count = int(before.count[t + 1])
        np.testing.assert_array_equal(before.ids[t + 1, :count], part(f"t{t}/memory"))
        np.testing.assert_array_equal(before.frames_seen[t + 1, :count], part(f"t{t}/exist"))


def test_results_with_deleted_and_restarted_tracks(sequence):
    *_, records = sequence
    scores, labels, masks = part("out_scores"), part("out_labels"), part("out_masks")
    assert len(records) == len(scores)
    height, width = (int(x) for x in part("sizes")[2:])
    for own, score, label, packed in zip(records, scores, labels, masks, strict=True):
        assert own["category_id"] == label + 1
        assert abs(own["score"] - score) < SCORE_TOLERANCE
        for mine, bits in zip(own["segmentations"], packed, strict=True):
            theirs = np.unpackbits(bits)[: height * width].reshape(height, width)
            assert differing_pixels(mine, rle.encode(theirs.astype(bool))) == 0
