"""Operations of QueryVIS against recorded ones; runs no network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays

from ovis_jax.formats import rle
from ovis_jax.models.attention import SelfAttention
from ovis_jax.models.dynamic_conv import DynamicConv
from ovis_jax.models.heads import query as query_head
from ovis_jax.models.heads.query import QueryTargets, decode_queries
from ovis_jax.models.layers import layer_norm
from ovis_jax.ops.align_masks import align_masks
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.losses import dice, sigmoid_focal
from ovis_jax.ops.roi_align import assign_levels, roi_align
from ovis_jax.structures import FrameOutput, Instances
from ovis_jax.tracking.box_grid_masks import cell_weights, paste_box_grids
from ovis_jax.tracking.paste import OriginalFrame

OPS = golden_arrays("queryvis", "ops.npz")
LEVELS, STRIDES = range(4), (4, 8, 16, 32)
WEIGHTS = query_head.QueryWeights()


def part(name):
    """The arrays of one operation."""
    start = f"{name}/"
    own = {k.removeprefix(start): x for k, x in OPS.items() if k.startswith(start)}
    return type(OPS)(own)  # which skips what a part of the golden data lacks


@pytest.mark.parametrize("size", [7, 14])
def test_roi_align_and_its_gradient(size):
    own = part("roi")
    levels = [np.moveaxis(own[f"feat{i}"], 0, -1) for i in LEVELS]

    @jax.jit
    def run(levels, cotangent):
        pool = functools.partial(
            roi_align, strides=STRIDES, rois=own["boxes"], size=size, convention=EXCLUSIVE
        )
        value, pullback = jax.vjp(pool, levels)
        return value, pullback(cotangent)[0]

    value, gradients = run(levels, np.moveaxis(own[f"cotangent{size}"], 1, -1))
    np.testing.assert_allclose(np.moveaxis(value, -1, 1), own[f"out{size}"], atol=1e-4)
    for i, gradient in enumerate(gradients):
        want = own[f"grad{size}_feat{i}"]
        np.testing.assert_allclose(np.moveaxis(gradient, -1, 0), want, atol=1e-4)
    found = assign_levels(own["boxes"], len(LEVELS), convention=EXCLUSIVE)
    np.testing.assert_array_equal(found, own["levels"])


def test_mask_targets_over_continuous_boxes():
    own = part("mask_target")
    masks = own["gt_masks"][own["gt_index"]]
    packed = np.packbits(masks.astype(bool), axis=-1)
    means = align_masks(packed, own["boxes"][None], masks.shape[1:], own["out"].shape[-1])[0]
    np.testing.assert_array_equal(means >= 0.5, own["out"] >= 0.5)


def test_decoded_boxes():
    own = part("decode")
    found = EXCLUSIVE.decode(own["boxes"], own["deltas"], stds=query_head.DELTA_STDS)
    np.testing.assert_allclose(found, own["out"], rtol=2e-6, atol=1e-3)


def norm_params(own, name):
    return {"scale": own[f"{name}.weight"], "bias": own[f"{name}.bias"]}


def dense_params(own, name):
    return {"kernel": own[f"{name}.weight"].T, "bias": own[f"{name}.bias"]}


@pytest.mark.parametrize("size", [7, 14])
def test_dynamic_convolution(size):
    own = part(f"dynconv{size}")
    params = {name: norm_params(own, name) for name in ("norm_in", "norm_out")}
    params["kernels"] = dense_params(own, "dynamic_layer")
    hidden = len(own["norm_in.weight"])
    roi = np.moveaxis(own["roi"], 1, -1)
    x = DynamicConv(hidden).apply({"params": params}, own["query"], roi)
    if size == 14:
        want = own["out"].reshape(x.shape)
    else:
        fc = dense_params(own, "fc_layer")
        x = np.asarray(x).reshape(len(x), -1) @ fc["kernel"] + fc["bias"]
        norm = layer_norm("float32")
        x, want = jax.nn.relu(norm.apply({"params": norm_params(own, "fc_norm")}, x)), own["out"]
    np.testing.assert_allclose(x, want, atol=1e-4)


def test_attention_among_the_queries_of_each_image():
    own = part("attention")
    params = {
        "in_proj": {"kernel": own["attn.in_proj_weight"].T, "bias": own["attn.in_proj_bias"]},
        "out_proj": dense_params(own, "attn.out_proj"),
    }
    queries = np.swapaxes(own["query"], 0, 1)  # recorded with the images behind the queries
    heads = [n for n in (1, 2, 4, 8) if own["query"].shape[-1] % n == 0]
    found = {n: SelfAttention(n).apply({"params": params}, queries) for n in heads}
    errors = {n: np.abs(np.swapaxes(x, 0, 1) - own["out"]).max() for n, x in found.items()}
    assert sorted(errors.values())[0] < 1e-5 < sorted(errors.values())[1]


@pytest.mark.parametrize("name", ["match", "match_more_gt"])
def test_costs_and_assignment_with_more_queries_and_with_more_objects(name):
    own = part(name)
    count = len(own["gt_labels"])
    instances = Instances(
        boxes=jnp.asarray(own["gt_boxes"]),
        labels=jnp.asarray(own["gt_labels"]),
        identities=jnp.arange(count),
        masks=None,
        valid=jnp.ones(count, bool),
    )
    arguments = own["cls_logits"], own["boxes"], instances, own["img_hw"]
    costs = query_head.assignment_costs(*arguments)
    weights = (WEIGHTS.classes, WEIGHTS.box, WEIGHTS.giou)
    for cost, weight, kind in zip(costs, weights, ("cls", "l1", "giou"), strict=True):
        np.testing.assert_allclose(weight * cost, own[f"cost_{kind}"], rtol=2e-5, atol=2e-5)
    targets = query_head.query_targets(*arguments, WEIGHTS)
    assigned = np.zeros(len(own["assigned"]), int)
    positive = np.asarray(targets.positive)
    assigned[np.asarray(targets.query)[positive]] = 1 + np.flatnonzero(positive)
    np.testing.assert_array_equal(assigned, own["assigned"])


def test_focal_loss_and_its_gradient():
    own = part("focal")
    ones = own["labels"][:, None] == np.arange(own["logits"].shape[-1])

    def loss(logits):
        sums = sigmoid_focal(logits, ones, query_head.FOCAL_ALPHA, query_head.FOCAL_GAMMA).sum()
        return WEIGHTS.classes * sums / own["avg_factor"]

    assert_loss(loss, own["logits"], own)


def assert_loss(loss, x, own):
    """A loss and its gradient are the recorded ones."""
    value, gradient = jax.value_and_grad(loss)(jnp.asarray(x))
    np.testing.assert_allclose(value, own["loss"].sum(), rtol=1e-5)
    np.testing.assert_allclose(gradient, own["grad"], rtol=1e-4, atol=1e-6)


def test_dice_loss_and_its_gradient():
    own = part("dice")

    def loss(logits):
        losses = dice(jax.nn.sigmoid(logits), own["targets"])
        return WEIGHTS.mask * losses.sum() / own["avg_factor"]

    assert_loss(loss, own["logits"], own)


def box_losses(boxes):
    """Corner and GIoU sums of the recorded pairs of boxes."""
    own, (width, height) = part("giou"), part("l1")["whwh"][:2]
    count = len(boxes)
    instances = Instances(
        boxes=jnp.asarray(own["targets"]),
        labels=jnp.zeros(count, int),
        identities=jnp.arange(count),
        masks=None,
        valid=jnp.ones(count, bool),
    )
    targets = QueryTargets(jnp.arange(count), jnp.ones(count, bool))
    size = jnp.array([height, width])
    return query_head.query_losses(jnp.zeros((count, 1)), boxes, targets, instances, size)[1:]


def test_losses_of_boxes_and_their_gradients():
    giou, corners = part("giou"), part("l1")
    factor = giou["avg_factor"]
    assert_loss(lambda x: WEIGHTS.giou * box_losses(x)[1] / factor, giou["boxes"], giou)
    assert_loss(lambda x: WEIGHTS.box * box_losses(x)[0] / factor, giou["boxes"], corners)


def test_pasted_masks_of_boxes_anywhere():
    own = part("paste")
    height, width = (int(x) for x in own["hw"])
    count, cells = own["logits"].shape[:2]
    probs = 1 / (1 + np.exp(-own["logits"].astype(np.float64)))
    for prob, (x1, y1, x2, y2), want in zip(probs, own["boxes"], own["soft"], strict=True):
        rows, columns = cell_weights(y1, y2, cells, height), cell_weights(x1, x2, cells, width)
        np.testing.assert_allclose(rows @ prob @ columns.T, want, atol=2e-4)
    objects = FrameOutput(
        ids=np.arange(count),
        scores=np.ones(count),
        labels=np.zeros(count, int),
        boxes=own["boxes"],
        mask_logits=own["logits"],
        mask_boxes=own["boxes"],
        valid=np.ones(count, bool),
        overflow=np.zeros(()),
    )
    masks = paste_box_grids(objects, OriginalFrame(height, width, 1.0))
    for mask, soft, want in zip(masks, own["soft"], own["masks"], strict=True):
        uncertain = np.abs(soft - 0.5) < 2e-4
        assert not np.any((rle.decode(mask) != want.astype(bool)) & ~uncertain)
    assert any(not x.any() for x in own["masks"])


def test_best_pairs_of_query_and_class():
    own = part("topk")
    count = len(own["score"])
    found = decode_queries(
        own["logits"],
        np.zeros((len(own["logits"]), 4), np.float32),
        np.ones(2, np.float32),
        score_threshold=0.0,
        capacity=count,
        single_label=False,
    )
    pairs = set(zip(found.source.tolist(), found.labels.tolist(), strict=True))
    assert pairs == set(zip(own["query"].tolist(), own["label"].tolist(), strict=True))
    np.testing.assert_allclose(np.sort(found.scores), np.sort(own["score"]), rtol=1e-5)
