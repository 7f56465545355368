"""What MaskTrack R-CNN promises beside what it shares with other systems."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from models.detections import random_frames
from models.tiny import tiny_system, window

from ovis_jax.models.mask_groups import GROUP
from ovis_jax.models.references import query_features, weighted_mean
from ovis_jax.ops.masks import select_class

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
