"""The operations of CrossVIS against recorded numbers."""

import jax
import jax.numpy as jnp
import numpy as np
from golden.comparison import BOX_TOLERANCE, MAP_TOLERANCE
from golden.crossvis.crossvis_model import record
from golden.crossvis.recorded_pairs import levels_of, recorded_order
from golden_folder import golden_arrays

from ovis_jax.formats import rle
from ovis_jax.models.crossvis_decoding import Candidates, in_original_frame, suppress
from ovis_jax.models.heads.fcos import (
    REGRESS_RANGES,
    STRIDES,
    FCOSTargets,
    fcos_giou_loss,
    fcos_targets,
)
from ovis_jax.models.heads.reid import identity_logits, identity_loss
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.losses import sigmoid_focal
from ovis_jax.ops.masks import mask_centroids
from ovis_jax.ops.points import boxes_from_distances, grid_points
from ovis_jax.structures import FrameOutput, Instances
from ovis_jax.tracking.aligned_masks import grid_weights, paste_aligned
from ovis_jax.tracking.paste import OriginalFrame

ALPHA, GAMMA = 0.25, 2.0


def ops(name):
    return record(name, "ops")


def assert_close(got, want):
    want = np.asarray(want)
    np.testing.assert_allclose(got, want, atol=1e-4 * max(np.abs(want).max(), 1e-12))


def test_points_of_every_level():
    for stride in STRIDES:
        want = ops(f"locations/s{stride}")
        columns = len(np.unique(want[:, 0]))
        np.testing.assert_array_equal(grid_points(len(want) // columns, columns, stride), want)


def test_overlaps_of_boxes_given_by_distances_and_their_loss():
    pred, target = ops("giou/pred"), ops("giou/target")
    giou, gradient, loss, iou = jax.jit(overlaps)(pred, target, ops("giou/centerness"))
    np.testing.assert_allclose(giou, ops("giou/giou"), atol=1e-5)
    np.testing.assert_allclose(iou, ops("giou/iou"), atol=1e-5)
    np.testing.assert_allclose(loss, ops("giou/weighted_sum"), rtol=1e-5)
    assert_close(gradient, ops("giou/grad_pred"))


def overlaps(pred, target, centerness):
    """GIoU, the gradient and the value of the loss, and the smoothed IoU that it is made of."""
    boxes = [boxes_from_distances(jnp.zeros(2), x) for x in (pred, target)]
    giou = EXCLUSIVE.paired_giou(*boxes, smoothing=1.0)
    low = jnp.maximum(boxes[0][:, :2], boxes[1][:, :2])
    high = jnp.minimum(boxes[0][:, 2:], boxes[1][:, 2:])
    shared = EXCLUSIVE.areas(jnp.concatenate([low, high], axis=1))
    union = EXCLUSIVE.areas(boxes[0]) + EXCLUSIVE.areas(boxes[1]) - shared
    targets = FCOSTargets(
        positive=jnp.ones((1, len(pred)), bool),
        labels=jnp.zeros((1, len(pred)), jnp.int32),
        index=jnp.zeros((1, len(pred)), jnp.int32),
        distances=target[None],
        centerness=centerness[None],
    )

    def total(x):
        return fcos_giou_loss(x[None], jnp.ones(len(pred)), targets).total

    loss, gradient = jax.value_and_grad(total)(pred)
    return giou, gradient, loss, (shared + 1) / (union + 1)


def test_focal_loss():
    x, targets = jnp.asarray(ops("focal/x")), ops("focal/t") > 0
    loss, gradient = jax.value_and_grad(lambda x: sigmoid_focal(x, targets, ALPHA, GAMMA).sum())(x)
    np.testing.assert_allclose(loss, ops("focal/sum"), rtol=1e-5)
    assert_close(gradient, ops("focal/grad"))


def test_loss_of_identities():
    embeddings, identities = jnp.asarray(ops("reid/emb")), jnp.asarray(ops("reid/target"))
    classifier = jnp.asarray(ops("reid/weight").T), jnp.asarray(ops("reid/bias"))
    assert_close(identity_logits(embeddings, *classifier), ops("reid/logits"))
    positive = jnp.ones(len(embeddings), bool)

    def loss(x):
        own = identity_loss(x, classifier, identities, positive, alpha=ALPHA, gamma=GAMMA)
        return own.value

    value, gradient = jax.jit(jax.value_and_grad(loss))(embeddings)
    np.testing.assert_allclose(value, ops("reid/loss"), rtol=1e-5)
    assert_close(gradient, ops("reid/grad_emb"))


def test_suppression_within_classes():
    scores = ops("nms/scores")
    order = np.argsort(-scores, kind="stable")
    candidates = Candidates(
        boxes=ops("nms/boxes")[order],
        scores=scores[order],
        labels=ops("nms/classes")[order],
        point=order,
        valid=np.ones(len(order), bool),
        overflow=np.zeros((), np.int32),
    )
    found = jax.jit(lambda x: suppress(x, nms_iou=0.6, capacity=len(order)))(candidates)
    np.testing.assert_array_equal(found.point[np.asarray(found.valid)], ops("nms/keep"))


def post_processing():
    """Sizes of the resized and of the original frame, and pixels of the former in the latter."""
    original = ops("post/full_probs_first").shape
    before, after = ops("post/boxes_in")[ops("post/keep")], ops("post/boxes_out")
    inside = (after > 0) & (after < np.tile(original[::-1], 2))
    in_x, in_y = (
        np.median(before[:, axis::2][inside[:, axis::2]] / after[:, axis::2][inside[:, axis::2]])
        for axis in (0, 1)
    )
    resized = round(original[0] * in_y), round(original[1] * in_x)
    return resized, original, np.float32([resized[1] / original[1], resized[0] / original[0]])


def test_boxes_in_the_original_frame():
    boxes, (resized, _, scales) = ops("post/boxes_in"), post_processing()
    candidates = Candidates(
        boxes=boxes,
        scores=np.linspace(0.9, 0.1, len(boxes), dtype=np.float32),
        labels=np.zeros(len(boxes), np.int32),
        point=np.arange(len(boxes)),
        valid=np.ones(len(boxes), bool),
        overflow=np.zeros((), np.int32),
    )
    found = jax.jit(in_original_frame)(candidates, np.float32(resized), scales)
    valid = np.asarray(found.valid)
    np.testing.assert_array_equal(found.source[valid], ops("post/keep"))
    assert np.abs(found.boxes[valid] - ops("post/boxes_out")).max() < BOX_TOLERANCE


def test_masks_in_the_original_frame():
    probs = ops("post/probs")[ops("post/keep")].astype(np.float64)
    resized, original, scales = post_processing()
    by_row = grid_weights(probs.shape[1], resized[0], original[0])
    by_column = grid_weights(probs.shape[2], resized[1], original[1])
    full = np.einsum("yr,drc,xc->dyx", by_row, probs, by_column)
    np.testing.assert_allclose(full[0], ops("post/full_probs_first"), atol=MAP_TOLERANCE)
    logits = (np.log(probs) - np.log1p(-probs)).astype(np.float32)
    count = len(logits)
    objects = FrameOutput(
        ids=np.arange(count),
        scores=np.ones(count),
        labels=np.zeros(count, int),
        boxes=np.zeros((count, 4)),
        mask_logits=logits,
        mask_boxes=np.zeros((count, 4)),
        valid=np.ones(count, bool),
        overflow=np.zeros(()),
    )
    masks = paste_aligned(objects, OriginalFrame(*original, scales))
    wanted = np.unpackbits(ops("post/masks"), axis=-1)[..., : original[1]]
    for own, want, soft in zip(masks, wanted, full, strict=True):
        uncertain = np.abs(soft - 0.5) < 1e-4
        assert not np.any((rle.decode(own) != want) & ~uncertain)


def targets_of(image: int):
    """Targets of one of the recorded images, and the offset of its instances in the records."""
    golden = golden_arrays("crossvis", "targets.npz")
    chosen = golden["image1_instances"] if image else np.arange(len(golden["boxes0"]))
    packed = jnp.asarray(golden["masks"][chosen])
    centroids, pixels = mask_centroids(packed)
    instances = Instances(
        boxes=jnp.asarray(golden[f"boxes{image}"]),
        labels=jnp.asarray(golden[f"classes{image}"]),
        identities=jnp.arange(len(chosen)),
        masks=packed,
        valid=pixels > 0,
    )
    sizes = levels_of(tuple(golden["canvas"]))
    points = [grid_points(*size, stride) for size, stride in zip(sizes, STRIDES, strict=True)]
    targets = fcos_targets(
        points,
        instances,
        radius=1.5,
        regress_ranges=REGRESS_RANGES,
        centers=centroids,
        convention=EXCLUSIVE,
    )
    return targets


def test_target_assignment():
    golden = golden_arrays("crossvis", "targets.npz")
    canvas = tuple(golden["canvas"])
    image, point = recorded_order(canvas, 2)
    first = np.array([0, len(golden["boxes0"])])
    both = jax.device_get(jax.jit(lambda: [targets_of(number) for number in range(2)])())
    positive, labels, index, distances, centerness = (
        np.stack([getattr(x, name) for x in both])[image, point]
        for name in ("positive", "labels", "index", "distances", "centerness")
    )
    background = golden["labels"].max()
    np.testing.assert_array_equal(np.where(positive, labels, background), golden["labels"])
    np.testing.assert_array_equal(np.flatnonzero(positive), golden["pos_index"])
    np.testing.assert_array_equal(image[positive], golden["pos_im_inds"])
    np.testing.assert_array_equal((first[image] + index)[positive], golden["pos_gt_inds"])
    counts = [h * w for h, w in levels_of(canvas)]
    level = np.repeat(np.arange(len(STRIDES)), counts)[point][positive]
    np.testing.assert_array_equal(level, golden["pos_levels"])
    own = distances[positive] / np.array(STRIDES)[level][:, None]
    np.testing.assert_array_equal(own, golden["pos_reg_targets"])
    np.testing.assert_allclose(centerness[positive], golden["pos_centerness"], atol=1e-6)
