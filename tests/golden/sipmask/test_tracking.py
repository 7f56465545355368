"""SipMask's matching of detections and identities, from recorded detections alone."""

import jax.numpy as jnp
import numpy as np
import pytest
from golden.sipmask.sipmask_model import record, tracked_frames

from ovis_jax.ops.boxes import pairwise_iou
from ovis_jax.structures import Detections
from ovis_jax.tracking.cues import CueTracker, remember

SLOTS = 100


def detections(own) -> Detections:
    boxes = own["det_bboxes"]
    return Detections(
        boxes=jnp.asarray(boxes[:, :4]),
        scores=jnp.asarray(boxes[:, 4]),
        labels=jnp.asarray(own["det_labels"]),
        embeddings=jnp.zeros((len(boxes), 1)),
        mask_logits=jnp.zeros((len(boxes), 1, 1)),
        mask_boxes=jnp.asarray(boxes[:, :4]),
        valid=jnp.ones(len(boxes), bool),
        overflow=jnp.zeros((), jnp.int32),
    )


@pytest.mark.parametrize("video", (0, 1))
@pytest.mark.parametrize("run", ["run10", "run30"])
def test_cues_totals_and_identities_of_every_frame(run, video):
    tracker = CueTracker()
    memory = tracker.init_memory(SLOTS, 1)
    frames = [frame for frame in tracked_frames(run) if frame["video"] == video]
    fields = ("det_bboxes", "det_labels", "track_ids")
    for t, frame in enumerate(frames):
        own = {x: record(f"v{video}_t{t}/{x}", f"detections_{run}.npz") for x in fields}
        found, count = detections(own), int(memory.count)
        logits = jnp.zeros((len(found.valid), SLOTS))
        if t:
            cues = ("match_logprob", "match_ious", "match_label_delta", "comp_scores")
            logprob, ious, same, want = (
                record(f"v{video}_t{t}/{x}", f"detections_{run}.npz") for x in cues
            )
            logits = logits.at[:, :count].set(logprob[:, 1:] - logprob[:, :1])
            iou = pairwise_iou(found.boxes, memory.boxes[:count], inclusive=True)
            np.testing.assert_allclose(iou, ious, atol=1e-5)
            np.testing.assert_array_equal(found.labels[:, None] == memory.labels[:count], same)
        total = tracker.total_scores(logits, memory, found)
        if t:
            np.testing.assert_allclose(total[:, : 1 + count], want, atol=1e-3)
        memory, ids, _ = remember(memory, found, total)
        np.testing.assert_array_equal(ids, own["track_ids"])
        assert int(memory.count) == frame["memory_after"]
