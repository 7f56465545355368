"""Targets, losses and gradients of the recorded training batch, with the recorded samples."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from golden.cmasktrack_rcnn.published_model import apply, clip_canvases, published_model
from golden.comparison import assert_recorded
from golden.recorded_batch import frame_pairs, padded
from golden_folder import golden_arrays, golden_json

from ovis_jax.models.heads import rpn as rpn_head
from ovis_jax.models.heads.box import DELTA_STDS, BoxTargets
from ovis_jax.models.systems.mask_track_rcnn import STRIDES
from ovis_jax.ops.assign import IouThresholds, assign_by_iou
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.masks import crop_masks
from ovis_jax.structures import Clips
from ovis_jax.weights.maps.cmasktrack_rcnn import rules

IMAGES = (0, 1)


def record(name):
    return golden_arrays("cmasktrack_rcnn", "train.npz")[name]


def image_record(name):
    return [record(f"img{i}/{name}") for i in IMAGES]


@functools.cache
def batch() -> Clips:
    frames = clip_canvases(record("resized_bgr"))
    flipped = [pair["flip"] for pair in golden_json("cmasktrack_rcnn", "train.json")["pairs"]]
    width = record("resized_bgr").shape[-2]
    for i, flip in enumerate(flipped):
        if flip:
            frames[i, :, :, :width] = frames[i, :, :, :width][..., ::-1, :]
    return frame_pairs(
        (frames[:, 0], frames[:, 1]),
        np.tile(record("resized_bgr").shape[2:4], (2, 1)),
        boxes=image_record("gt_bboxes"),
        labels=image_record("gt_labels"),
        masks=image_record("gt_masks_packed"),
        match=image_record("gt_pids"),
        reference_boxes=image_record("ref_bboxes"),
    )


def anchors():
    system, _ = published_model()
    height, width = batch().frames.shape[2:4]
    levels = [np.zeros((-(-height // s), -(-width // s), 1)) for s in STRIDES]
    return np.concatenate(system.rpn.anchors(levels, STRIDES))


def anchor_targets() -> rpn_head.RPNTargets:
    """Targets of the recorded anchors, positives first."""
    boxes, samples = anchors(), 256
    index = np.zeros((2, samples), np.int32)
    positive, negative = np.zeros((2, 2, samples), bool)
    deltas = np.zeros((2, samples, 4), np.float32)
    for i in IMAGES:
        own, others = record(f"img{i}/anchor_pos"), record(f"img{i}/anchor_neg")
        count, end = len(own), len(own) + len(others)
        index[i, :end] = np.concatenate([own, others])
        positive[i, :count] = True
        negative[i, count:end] = True
        targets = record(f"img{i}/gt_bboxes")[record(f"img{i}/anchor_pos_gt")]
        deltas[i, :count] = INCLUSIVE.encode(jnp.asarray(boxes[own]), jnp.asarray(targets))
    return jax.tree.map(jnp.asarray, rpn_head.RPNTargets(index, positive, negative, deltas))


def roi_targets() -> BoxTargets:
    """Targets of the recorded RoIs, positives first."""
    samples = 512
    positives = [len(x) for x in image_record("rois_pos")]
    pairs = zip(image_record("rois_pos"), image_record("rois_neg"), strict=True)
    rois = np.stack([np.concatenate(x) for x in pairs])
    index, positive = padded(image_record("rois_pos_gt"), samples)
    classes, _ = padded(image_record("rois_pos_label"), samples)
    targets = np.stack([record(f"img{i}/gt_bboxes")[index[i]] for i in IMAGES])
    deltas = INCLUSIVE.encode(jnp.asarray(rois), jnp.asarray(targets), stds=DELTA_STDS)
    assert all(p <= 128 for p in positives)
    return BoxTargets(
        boxes=jnp.asarray(rois),
        classes=jnp.asarray(classes, jnp.int32),
        index=jnp.asarray(index, jnp.int32),
        deltas=jnp.where(positive[..., None], deltas, 0),
        positive=jnp.asarray(positive),
        valid=jnp.ones((2, samples), bool),
    )


def losses_of(system, variables, *recorded):
    """All losses with the recorded samples instead of drawn ones."""

    def compute(module, pairs, anchor, roi):
        query, reference = module.encode_pairs(pairs)
        sampled = module.rpn.predict_at(module.rpn.features(query), anchor.index)
        rpn_class, rpn_box = rpn_head.rpn_loss(*sampled, anchor)
        losses, _ = module.roi_losses(pairs, query, reference, roi)
        losses = {"rpn_class": rpn_class, "rpn_box": rpn_box} | losses
        return {name: loss.value for name, loss in losses.items()}

    return system.apply(variables, *recorded, method=compute)


@pytest.fixture(scope="module")
def losses_and_gradient():
    system, variables = published_model()
    recorded = batch(), anchor_targets(), roi_targets()

    def total(params):
        losses = losses_of(system, {**variables, "params": params}, *recorded)
        return sum(losses.values()), losses

    (_, losses), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(variables["params"])
    return losses, traverse_util.flatten_dict({"params": gradient}, sep="/")


def assignment(i: int, boxes, considered, positive_iou, negative_iou):
    """What boxes are assigned to in image i: instance + 1, 0 for background, -1 for neither."""
    instances = jax.tree.map(lambda x: x[i], batch().instances_of(0))
    ours = assign_by_iou(
        boxes,
        considered,
        instances.boxes,
        instances.valid,
        thresholds=IouThresholds(positive_iou, negative_iou, claim=negative_iou),
        convention=INCLUSIVE,
    )
    return jnp.where(ours.positive, ours.index + 1, jnp.where(ours.negative, 0, -1))


def test_anchor_assignment():
    height, width = record("resized_bgr").shape[2:4]
    boxes = jnp.asarray(anchors())
    inside = (boxes[:, :2] >= 0).all(1) & (boxes[:, 2] < width) & (boxes[:, 3] < height)
    for i in IMAGES:
        code = jnp.where(inside, assignment(i, boxes, inside, 0.7, 0.3), -2)
        np.testing.assert_array_equal(code, record(f"img{i}/anchor_assignment"))


def test_proposal_assignment():
    for i in IMAGES:
        proposals = jnp.asarray(record(f"img{i}/proposals")[:, :4])
        code = assignment(i, proposals, jnp.ones(len(proposals), bool), 0.5, 0.5)
        np.testing.assert_array_equal(code, record(f"img{i}/proposal_assignment"))


def test_mask_targets_bit_for_bit():
    want = np.unpackbits(record("mask_targets_packed"), axis=-1)[..., :28]
    ours = []
    for i in IMAGES:
        rois, index = record(f"img{i}/rois_pos"), record(f"img{i}/rois_pos_gt")
        masks = batch().instances.masks[i, 0]
        ours.append(crop_masks(masks, jnp.asarray(rois), jnp.asarray(index), 28))
    np.testing.assert_array_equal(np.concatenate(ours), want)


def test_targets_of_sampled_anchors_and_rois():
    anchor, roi = anchor_targets(), roi_targets()
    for i in IMAGES:
        want = record(f"img{i}/anchor_pos_targets")
        np.testing.assert_allclose(anchor.deltas[i][: len(want)], want, rtol=1e-4, atol=1e-5)
    positive = np.asarray(roi.positive)
    want = record("bbox_targets_pos")
    np.testing.assert_allclose(roi.deltas[positive], want, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(roi.classes.reshape(-1), record("roi_labels"))


@pytest.mark.exhaustive
def test_predictions_for_sampled_rois():
    roi = roi_targets()

    def compute(system, pairs, roi):
        query, reference = system.encode_pairs(pairs)
        calibrated = system.calibrate(query, reference)
        first = roi.boxes[:, : max(len(x) for x in image_record("rois_pos"))]
        others = pairs.instances_of(1)
        boxes = jnp.where(others.valid[..., None], others.boxes, 0)
        match = system.embed(query, roi.boxes) @ system.embed(reference, boxes).swapaxes(1, 2)
        return *system.classify(calibrated, roi.boxes), system.segment(calibrated, first), match

    logits, deltas, masks, match = map(np.asarray, apply(compute, batch(), roi))
    assert_recorded(logits.reshape(-1, logits.shape[-1]), "cls_score", "train.npz")
    assert_recorded(deltas.reshape(len(deltas[0]) * 2, -1), "bbox_pred", "train.npz")
    own = [
        masks[i, np.arange(len(labels)), :, :, labels]
        for i, labels in enumerate(image_record("rois_pos_label"))
    ]
    assert_recorded(np.concatenate(own), "mask_pred", "train.npz", channels_last=False)
    for i in IMAGES:
        count = len(record(f"img{i}/ref_bboxes"))
        scores = np.pad(match[i, :, :count], ((0, 0), (1, 0)))
        assert_recorded(scores, f"img{i}/match_score", "train.npz")


@pytest.mark.exhaustive
def test_losses(losses_and_gradient):
    losses, _ = losses_and_gradient
    want = golden_json("cmasktrack_rcnn", "train.json")["losses_float64"]
    names = {
        "rpn_class": "loss_rpn_cls",
        "rpn_box": "loss_rpn_reg",
        "box_class": "loss_cls",
        "box": "loss_reg",
        "mask": "loss_mask",
        "track": "loss_match",
    }
    for ours, theirs in names.items():
        np.testing.assert_allclose(losses[ours], np.sum(want[theirs]), rtol=1e-4, err_msg=ours)


@pytest.mark.exhaustive
def test_gradients(losses_and_gradient):
    _, gradient = losses_and_gradient
    data = golden_json("cmasktrack_rcnn", "train.json")["gradients"]
    table = rules()
    trained = {name: entry for name, entry in data.items() if entry is not None}
    assert trained
    for name, entry in trained.items():
        ours = _in_torch_layout(gradient[table[name].target], name)
        samples = np.asarray(entry["samples"])
        ours = ours.reshape(-1)[:: entry["sample_stride"]][: len(samples)]
        error, size = np.linalg.norm(ours - samples), np.linalg.norm(samples)
        assert error <= 2e-2 * size, f"{name}: {error:.2e} of {size:.2e}"


def _in_torch_layout(ours, name):
    """Undoes the layout change of the import."""
    recorded = golden_json("cmasktrack_rcnn", "params.json")["params"]
    shape = next(tuple(p["shape"]) for p in recorded if p["name"] == name)
    flat = np.empty(int(np.prod(shape)), np.float32)
    flat[torch_positions(name, shape)] = np.asarray(ours).reshape(-1)
    return flat


@functools.cache
def torch_positions(name, shape):
    """Where each number of our array stands in the flattened PyTorch tensor."""
    index = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    return rules()[name].convert(index).reshape(-1)
