"""What MaskTrack R-CNN promises beside what it shares with other systems."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import random_frames
from models.tiny import frame_pairs, tiny_system, window

from ovis_jax.models.mask_groups import GROUP
from ovis_jax.models.references import query_features, weighted_mean
from ovis_jax.ops.masks import select_class
from ovis_jax.ops.row_keys import RowKeys

SLOTS = GROUP + 5  # more than one group, and not full ones


def test_masks_are_computed_group_by_group_for_the_detections_alone():
    system, variables = tiny_system()
    system = system.clone(capacity=system.capacity.replace(detections=SLOTS, proposals=SLOTS))
    around = window(system, variables, random_frames(5), [True] * 5)

    def both(system, around, num_proposals):
        query = query_features(around, 2)
        calibrated, weights = system.calibrate_window(around)
        proposals = jax.tree.map(lambda x: x[0], system.propose(query, around.image_size[None]))
        first = jnp.arange(SLOTS) < num_proposals
        proposals = proposals.replace(valid=proposals.valid & first)
        frame = around.image_size, around.scale
        found = system.detect_among(proposals, query, calibrated, weights, *frame)
        rois = jnp.where(found.valid[:, None], found.boxes * around.scale, 0)
        rois = jnp.broadcast_to(rois, (len(weights), *rois.shape))
        every = weighted_mean(system.segment(calibrated, rois), weights)
        return found, select_class(every, found.labels + 1)

    detect = jax.jit(functools.partial(system.apply, method=both))
    found, masks = detect(variables, around, SLOTS)
    assert found.valid.all()
    np.testing.assert_allclose(found.mask_logits, masks, atol=1e-5)

    found, masks = detect(variables, around, 1)
    count = int(found.valid.sum())
    assert 0 < count <= GROUP
    np.testing.assert_allclose(found.mask_logits[:count], masks[:count], atol=1e-5)
    assert not np.any(found.mask_logits[GROUP:])


def test_detections_hold_the_probabilities_of_all_classes_where_a_track_rule_reads_them():
    system, variables = tiny_system()
    around = window(system, variables, random_frames(5), [True] * 5)
    plain = system.apply(variables, around, method="detect")
    assert plain.class_scores is None
    found = system.clone(class_scores=True).apply(variables, around, method="detect")
    count = int(found.valid.sum())
    assert count > 0 and found.class_scores.shape == (*found.labels.shape, system.box.num_classes)
    own = np.take_along_axis(
        np.asarray(found.class_scores), np.asarray(found.labels)[:, None], axis=1
    )[:, 0]
    np.testing.assert_allclose(own[:count], found.scores[:count], rtol=1e-5)
    assert np.all(found.class_scores.sum(axis=1) < 1)  # what is missing is the background's


def of_calibrated(system):
    return system.clone(track=system.track.clone(calibrated=True, parent=None))


def test_embeddings_of_calibrated_features_are_means_over_references():
    system, variables = tiny_system()
    around = window(system, variables, random_frames(5), [False, True, True, True, True])
    boxes = jnp.array([[4.0, 6, 40, 37], [20, 10, 80, 50]])

    def both(system, around, boxes):
        levels, weights = system.calibrate_window(around)
        each = [
            system.embed([level[k : k + 1] for level in levels], boxes[None])[0]
            for k in range(len(weights))
        ]
        mean = sum(w * own for w, own in zip(weights, each, strict=True))
        return system.embed_boxes(around, boxes), mean

    embed = jax.jit(functools.partial(of_calibrated(system).apply, method=both))
    got, want = embed(variables, around, boxes)
    np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.exhaustive
def test_a_calibration_learns_from_the_embeddings_of_what_it_calibrates():
    system, variables = tiny_system()
    own, batch, keys = of_calibrated(system), frame_pairs(), RowKeys.of(jax.random.key(0), 2)

    def loss(calibration):
        params = {**variables["params"], "calibration": calibration}
        losses, _ = own.apply({**variables, "params": params}, batch, keys, method="losses")
        return losses["track"].total

    gradient = jax.jit(jax.grad(loss))(variables["params"]["calibration"])
    assert all(np.any(x) for x in jax.tree.leaves(gradient))
