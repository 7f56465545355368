"""The operations of SipMask against recorded numbers."""

import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays

from ovis_jax.models.heads.fcos import REGRESS_RANGES, STRIDES, fcos_targets
from ovis_jax.ops.deform_conv import deform_conv
from ovis_jax.ops.losses import sigmoid_focal
from ovis_jax.ops.nms import fast_nms
from ovis_jax.ops.points import grid_points
from ovis_jax.ops.resize import resize_bilinear
from ovis_jax.ops.subregions import quarter_masks
from ovis_jax.structures import Instances


def ops(name):
    return golden_arrays("sipmask", "ops.npz")[name]


def test_quarters_of_boxes_bit_for_bit():
    cells = ops("crop_cells")
    quarters = jnp.broadcast_to(jnp.arange(1, 5)[:, None, None], (len(cells), 4, *cells.shape[1:]))
    chosen, inside = quarter_masks(quarters, jnp.asarray(ops("crop_boxes")))
    np.testing.assert_array_equal(jnp.where(inside, chosen, 0), cells)


@pytest.mark.parametrize("candidates", [200, 25])
def test_fast_nms(candidates):
    boxes, scores = ops("nms_boxes"), ops("nms_scores")
    want = ops(f"nms_out_boxes_top{candidates}")
    found = fast_nms(
        jnp.asarray(boxes), jnp.asarray(scores.T), 0.5, 0.03, candidates=candidates, capacity=30
    )
    assert found.valid.sum() == len(want)
    np.testing.assert_array_equal(found.index[: len(want)], ops(f"nms_out_index_top{candidates}"))
    np.testing.assert_array_equal(found.labels[: len(want)], ops(f"nms_out_labels_top{candidates}"))
    np.testing.assert_array_equal(found.scores[: len(want)], want[:, 4])


def test_deformable_convolution_with_four_groups():
    features, offsets, want = (jnp.moveaxis(ops(f"dcn_{x}"), 1, -1) for x in ("x", "offset", "out"))
    kernel = jnp.asarray(ops("dcn_weight").transpose(2, 3, 1, 0))
    np.testing.assert_allclose(deform_conv(features, offsets, kernel), want, atol=2e-5)


def test_resizing_by_a_fraction():
    want = ops("resize_out")
    got = resize_bilinear(jnp.moveaxis(ops("resize_in"), 0, -1), *want.shape[1:])
    np.testing.assert_allclose(jnp.moveaxis(got, -1, 0), want, atol=1e-6)


def test_focal_loss():
    logits, targets = jnp.asarray(ops("focal_logits")), ops("focal_targets")
    ones = targets[:, None] == np.arange(1, logits.shape[1] + 1)
    np.testing.assert_allclose(
        sigmoid_focal(logits, ones, 0.25, 2.0), ops("focal_loss"), 1e-4, 1e-8
    )


def test_target_assignment():
    record = golden_arrays("sipmask", "targets.npz")
    points = [grid_points(-(-384 // s), -(-640 // s), s) for s in STRIDES]
    labels = record["gt_labels"] - 1
    instances = Instances(
        boxes=jnp.asarray(record["gt_boxes"]),
        labels=jnp.asarray(labels),
        identities=jnp.arange(len(labels)),
        masks=None,
        valid=jnp.ones(len(labels), bool),
    )
    targets = fcos_targets(points, instances, radius=1.5, regress_ranges=REGRESS_RANGES)
    positive = np.asarray(targets.positive)
    np.testing.assert_array_equal(np.where(positive, targets.labels + 1, 0), record["labels"])
    np.testing.assert_array_equal(np.flatnonzero(positive), record["pos_index"])
    np.testing.assert_array_equal(targets.index[positive], record["pos_gt_index"])
    np.testing.assert_array_equal(targets.distances[positive], record["pos_targets"])
    np.testing.assert_allclose(targets.centerness[positive], record["pos_centerness"], atol=1e-6)
    ends = np.cumsum([len(x) for x in points])[:-1]
    per_level = [int(x.sum()) for x in np.split(positive, ends)]
    np.testing.assert_array_equal(per_level, record["positives_per_level"])
