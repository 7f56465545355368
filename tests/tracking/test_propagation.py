"""Propagated objects beside detections: equal to a sequential numpy twin."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.tracking.propagation import PropagationRules, greedy_pairs, link, no_tracks

HEIGHT, WIDTH, SLOTS, DETECTIONS = 6, 8, 3, 5
RULES = PropagationRules(start_score=0.3, min_iou=0.5, min_free=0.5, max_unseen=1)
linked = jax.jit(link, static_argnames="rules")


@dataclasses.dataclass
class Twin:
    """The same, track by track."""

    tracks: dict = dataclasses.field(default_factory=dict)  # slot: (id, label, unseen)
    count: int = 0

    def step(self, owners, masks, scores, labels, valid, rules, first):
        owners = owners.copy()
        masks = masks & (owners >= 0)
        for slot, (own, label, unseen) in list(self.tracks.items()):
            unseen = 0 if (owners == 1 + slot).any() else unseen + 1
            self.tracks[slot] = own, label, unseen
            if unseen > rules.max_unseen:
                del self.tracks[slot]
        pairs = [
            (-self.overlap(owners == 1 + slot, masks[d]), slot, d)
            for slot in self.tracks
            for d in np.flatnonzero(valid)
        ]
        found, lost = {}, 0
        for overlap, slot, d in sorted(pairs):
            if -overlap >= rules.min_iou and slot not in found and d not in found.values():
                found[slot] = d
        left = [d for d in np.flatnonzero(valid) if d not in found.values()]
        for d in sorted(left, key=lambda d: -scores[d]):
            free = masks[d] & (owners == 0)
            least = max(rules.min_free * masks[d].sum(), 1)
            if scores[d] < rules.start_score or free.sum() < least:
                continue
            if rules.first_frame_only and not first:
                continue
            slots = [s for s in range(SLOTS) if s not in self.tracks]
            if not slots:
                lost += 1
                continue
            owners[free] = 1 + slots[0]
            self.tracks[slots[0]] = self.count, 0, 0
            self.count, found[slots[0]] = self.count + 1, d
        for slot, d in found.items():
            own, _, unseen = self.tracks[slot]
            self.tracks[slot] = own, labels[d], unseen
        return owners, found, lost

    @staticmethod
    def overlap(a, b):
        return (a & b).sum() / max((a | b).sum(), 1)


def rectangles(rng, count):
    masks = np.zeros((count, HEIGHT, WIDTH), bool)
    for mask in masks:
        y, x = rng.integers(0, HEIGHT - 2), rng.integers(0, WIDTH - 2)
        mask[y : y + rng.integers(2, 5), x : x + rng.integers(2, 5)] = True
    return masks


def moved(owners, rng):
    """What propagation may say: everything a pixel further, some pixels gone."""
    owners = np.roll(np.maximum(owners, 0), rng.integers(-1, 2), axis=1)
    owners[rng.random(owners.shape) < 0.1] = 0
    if rng.random() < 0.3:
        owners[owners == rng.integers(1, 1 + SLOTS)] = 0
    owners[:, -1] = -1  # beyond the frame
    return owners.astype(np.int32)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("first_frame_only", [False, True])
def test_a_video_is_linked_as_by_the_sequential_twin(seed, first_frame_only):
    rules = dataclasses.replace(RULES, first_frame_only=first_frame_only)
    rng = np.random.default_rng(seed)
    twin, tracks, owners = Twin(), no_tracks(SLOTS), np.zeros((HEIGHT, WIDTH), np.int32)
    kept = rectangles(rng, DETECTIONS)
    for frame in range(8):
        kept[rng.random(DETECTIONS) < 0.4] = rectangles(rng, 1)
        scores, labels = rng.random(DETECTIONS).astype(np.float32), rng.integers(0, 4, DETECTIONS)
        scored = scores, labels.astype(np.int32), rng.random(DETECTIONS) < 0.8
        owners = moved(owners, rng)
        want, found, lost = twin.step(owners, kept, *scored, rules, frame == 0)
        tracks, owners, links = linked(tracks, owners, kept, scored, rules=rules)
        owners = np.array(owners)
        np.testing.assert_array_equal(owners, want)
        detection = [found.get(slot, -1) for slot in range(SLOTS)]
        np.testing.assert_array_equal(links.detection, detection)
        assert int(links.lost) == lost and int(tracks.count) == twin.count
        np.testing.assert_array_equal(tracks.live, [slot in twin.tracks for slot in range(SLOTS)])
        for slot, own in twin.tracks.items():
            got = tracks.ids[slot], tracks.labels[slot], tracks.unseen[slot]
            assert tuple(map(int, got)) == own
    assert twin.count


def test_a_track_without_a_pixel_ends_in_time_and_its_slot_is_free_again():
    corner = np.zeros((DETECTIONS, HEIGHT, WIDTH), bool)
    corner[:, :2, :2] = True
    found = np.ones(DETECTIONS, np.float32), np.arange(DETECTIONS, dtype=np.int32)
    first, none = np.arange(DETECTIONS) == 0, np.zeros(DETECTIONS, bool)
    empty, tracks, live, ids = np.zeros((HEIGHT, WIDTH), np.int32), no_tracks(SLOTS), [], []
    for valid in (first, none, none, first):
        tracks, _, _ = linked(tracks, empty, corner, (*found, valid), rules=RULES)
        live.append(bool(tracks.live[0])), ids.append(int(tracks.ids[0]))
    assert live == [True, True, False, True] and ids[-1] == 1


def test_objects_for_which_there_is_no_slot_are_counted():
    masks = np.zeros((DETECTIONS, HEIGHT, WIDTH), bool)
    for number in range(DETECTIONS):
        masks[number, number] = True
    scores = np.linspace(0.4, 0.9, DETECTIONS).astype(np.float32)
    scored = scores, np.zeros(DETECTIONS, np.int32), np.ones(DETECTIONS, bool)
    empty = np.zeros((HEIGHT, WIDTH), np.int32)
    tracks, owners, links = linked(no_tracks(SLOTS), empty, masks, scored, rules=RULES)
    assert links.lost == DETECTIONS - SLOTS and tracks.live.all()
    np.testing.assert_array_equal(links.detection, [4, 3, 2])  # the best ones
    np.testing.assert_array_equal(owners[:, 0], [0, 0, 3, 2, 1, 0])


def test_the_greatest_overlap_is_paired_first_and_each_only_once():
    overlaps = jnp.array([[0.9, 0.8, 0.0], [0.95, 0.7, 0.0], [0.0, 0.0, 0.4]])
    np.testing.assert_array_equal(greedy_pairs(overlaps, 0.5), [1, 0, -1])


@pytest.mark.parametrize("setting", [dict(min_iou=0.0), dict(min_iou=1.1), dict(min_free=-0.1)])
def test_shares_that_are_none_are_refused(setting):
    with pytest.raises(ValueError, match="expected 0"):
        PropagationRules(**setting)
