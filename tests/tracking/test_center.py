"""Both rounds of association on small cases; a long sequence is in tests/golden/trades."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.structures import Detections
from ovis_jax.tracking.center import CenterDetections, CenterTracker

SLOTS, ROOM = 3, 4
AXES = np.eye(6, dtype=np.float32)  # embeddings that have nothing in common


@functools.cache
def compiled():
    return jax.jit(CenterTracker().step)


def start(room=ROOM):
    return CenterTracker().init_memory(room, AXES.shape[1], SLOTS)


def frame(*objects, poison=np.nan):
    """Detections (x, looks, label, moved from) in order of score, in boxes of 10x10 pixels."""
    shape = (SLOTS, 4), (SLOTS, 6), (SLOTS, 2), (SLOTS, 2)
    boxes, embeddings, centers, offsets = (np.full(s, poison, np.float32) for s in shape)
    labels = np.zeros(SLOTS, np.int32)
    for i, (x, looks, label, before) in enumerate(objects):
        boxes[i], centers[i] = (x - 5, 0, x + 5, 10), (x, 5)
        embeddings[i], labels[i], offsets[i] = AXES[looks], label, (before - x, 0)
    detections = Detections(
        boxes=boxes,
        scores=np.float32([0.9, 0.8, 0.7]),
        labels=labels,
        embeddings=embeddings,
        mask_logits=np.zeros((SLOTS, 1, 1), np.float32),
        mask_boxes=boxes,
        valid=np.arange(SLOTS) < len(objects),
        overflow=np.int32(0),
    )
    return CenterDetections(detections, centers, offsets)


def follow(*frames, memory=None):
    """Identities and columns of each frame, in the order of the tracker, and the memory."""
    memory, found = start() if memory is None else memory, []
    for own in frames:
        memory, output = compiled()(memory, own)
        count = int(output.valid.sum())
        columns = (np.asarray(output.boxes)[:count, 0] + 5).tolist()
        found.append((np.asarray(output.ids)[:count].tolist(), columns))
    return found, memory, output


def test_motion_links_to_the_nearest_track_whatever_the_label():
    found, _, _ = follow(
        frame((20, 0, 1, 20), (40, 1, 1, 40)), frame((43, 2, 0, 40), (22, 3, 1, 20))
    )
    assert found == [([1, 2], [20, 40]), ([2, 1], [43, 22])]


def test_each_track_is_taken_once_in_order_of_score():
    found, _, _ = follow(frame((20, 0, 1, 20)), frame((22, 5, 1, 20), (20, 4, 1, 20)))
    assert found[1] == ([1, 2], [22, 20])


def test_what_moved_farther_than_its_box_allows_is_not_linked_by_motion():
    found, _, _ = follow(frame((20, 0, 1, 20)), frame((22, 3, 1, 31)))  # 121 > 100 square pixels
    assert found[1] == ([2], [22])
    found, _, _ = follow(frame((20, 0, 1, 20)), frame((22, 3, 1, 30)))  # 100 is allowed
    assert found[1] == ([1], [22])


def test_boxes_must_overlap():
    found, _, _ = follow(frame((20, 0, 1, 20)), frame((32, 3, 1, 20)))
    assert found[1] == ([2], [32])


def test_looks_link_what_was_away_if_the_label_is_the_same():
    away = frame((20, 0, 1, 20), (60, 1, 1, 60)), frame((60, 1, 1, 60))
    found, _, _ = follow(*away, frame((90, 0, 1, 90), (60, 1, 1, 60)))
    assert found[2] == ([2, 1], [60, 90])  # linked by motion first
    found, _, _ = follow(*away, frame((90, 0, 0, 90)))
    assert found[2] == ([3], [90])


def test_the_newest_identity_and_those_of_the_frame_are_not_searched():
    found, _, _ = follow(frame((20, 0, 1, 20)), frame(), frame((90, 0, 1, 90)))
    assert found[2][0] == [2]
    twins = frame((20, 0, 1, 20), (60, 1, 1, 60)), frame(), frame((90, 0, 1, 90), (40, 0, 1, 40))
    assert follow(*twins)[0][2][0] == [1, 3]


@pytest.mark.parametrize(("away", "identity"), [(18, 1), (19, 3)])
def test_identities_are_found_again_for_twenty_frames(away, identity):
    first = frame((20, 0, 1, 20), (60, 1, 1, 60))
    found, _, _ = follow(first, *[frame()] * away, frame((90, 0, 1, 90)))
    assert found[-1][0] == [identity]


def test_embeddings_are_running_means():
    _, memory, _ = follow(frame((20, 0, 1, 20)), frame((20, 1, 1, 20)), frame((20, 1, 1, 20)))
    want = 0.81 * AXES[0] + 0.19 * AXES[1]
    np.testing.assert_allclose(memory.bank.embeddings[0], want, rtol=1e-6)


def test_a_full_bank_forgets_what_was_not_seen_for_longest_and_says_so():
    first = frame((20, 0, 1, 20), (60, 1, 1, 60), (90, 2, 1, 90))
    found, memory, output = follow(first, frame((20, 0, 1, 20), (200, 3, 1, 200)))
    assert found[1][0] == [1, 4] and output.overflow == 0
    found, memory, output = follow(frame((300, 4, 1, 300)), memory=memory)
    assert found[0][0] == [5] and output.overflow == 1  # 2 was seen a frame before 1 and 4
    assert sorted(memory.bank.ids.tolist()) == [1, 3, 4, 5]
    _, memory, output = follow(*[frame()] * 30, frame((20, 5, 1, 20)), memory=memory)
    assert output.overflow == 0 and memory.count == 6  # too old to be found again


def test_a_bank_without_room_for_one_frame_is_refused():
    with pytest.raises(ValueError, match="a bank of 2 identities.*the 3 detections"):
        start(room=2)


def test_frames_without_detections_leave_identities_alone():
    found, memory, output = follow(frame(), frame((20, 0, 1, 20)), frame(), frame())
    assert [own for own, _ in found] == [[], [1], [], []]
    assert not output.valid.any() and memory.count == 1 and not memory.active.valid.any()


def test_what_stands_in_invalid_slots_changes_nothing():
    frames = [((20, 0, 1, 20), (60, 1, 1, 60)), ((22, 0, 1, 20),)]
    a, b = (follow(*[frame(*own, poison=p) for own in frames])[1] for p in (np.nan, 7.0))
    jax.tree.map(np.testing.assert_array_equal, a.bank, b.bank)
    assert jnp.isfinite(a.active.boxes).all()
