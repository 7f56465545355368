"""Operators, losses and the tracker of TraDeS alone, against recorded numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.trades.trades_model import record

from ovis_jax.formats import rle
from ovis_jax.models.deformable import ModulatedConvNorm
from ovis_jax.models.frame_map import FrameMap
from ovis_jax.models.heads.center import (
    STRIDE,
    CenterTargets,
    at_cells,
    center_loss,
    decode_centers,
    focal_heat_loss,
)
from ovis_jax.models.heads.seg_feature import SegFeature, center_masks, seg_mask_loss
from ovis_jax.models.motion import motion_loss, pooled
from ovis_jax.models.necks.dla_up import Upsample
from ovis_jax.models.trades_decoding import unit
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.cost_volume import cost_volume_maxima, expected_offsets
from ovis_jax.ops.deform_conv import deform_conv
from ovis_jax.ops.gaussians import gaussian_radius, gaussian_spots
from ovis_jax.ops.nms import nms
from ovis_jax.structures import Detections
from ovis_jax.tracking.center import CenterDetections, CenterTracker
from ovis_jax.tracking.centered_masks import centered_weights, mask_of_probs

TOLERANCE = 1e-5
TEMPERATURE = 5.0


def op(name, channels_last=True):
    """A recorded array, maps [..., C, H, W] with channels last."""
    x = record(name, "ops")
    return np.moveaxis(x, -3, -1) if channels_last and x.ndim >= 4 else x


def kernel(name):
    return record(name, "ops").transpose(2, 3, 1, 0)


def assert_close(ours, want):
    assert np.shape(ours) == want.shape
    assert np.abs(np.asarray(ours) - want).max() <= TOLERANCE * max(1, np.abs(want).max())


def test_modulated_deformable_convolution_and_its_gradients():
    params = {
        "conv": {"kernel": kernel("dcn/weight"), "bias": op("dcn/bias")},
        "offset": {"kernel": kernel("dcn/offset_weight"), "bias": op("dcn/offset_bias")},
    }
    layer = ModulatedConvNorm(op("dcn/bias").size)
    out, pullback = jax.vjp(lambda p, x: layer.apply({"params": p}, x), params, op("dcn/x"))
    assert_close(out, op("dcn/out"))
    by_params, by_x = pullback(jnp.asarray(op("dcn/grad_out")))
    assert_close(by_x, op("dcn/grad_x"))
    assert_close(by_params["conv"]["bias"], op("dcn/grad_bias"))
    assert_close(by_params["conv"]["kernel"], kernel("dcn/grad_weight"))
    offset = by_params["offset"]
    assert_close(offset["kernel"], kernel("dcn/grad_conv_offset_mask.weight"))
    assert_close(offset["bias"], op("dcn/grad_conv_offset_mask.bias"))


def test_warping():
    out = deform_conv(op("warp/x"), op("warp/offset"), kernel("warp/weight")) + op("warp/bias")
    assert_close(out, op("warp/out"))


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarging(factor):
    params = {"kernel": kernel(f"up{factor}/weight")}
    assert_close(
        Upsample(factor).apply({"params": params}, op(f"up{factor}/x")), op(f"up{factor}/out")
    )


def test_cost_volume():
    current, before = pooled(op("cva/embedding")), pooled(op("cva/embedding_prev"))
    by_row, by_column = cost_volume_maxima(current[0], before[0])
    assert_close(by_row, op("cva/c_h"))
    assert_close(by_column, op("cva/c_w"))
    offsets = 2 * expected_offsets(by_row, by_column, TEMPERATURE)
    offsets = jnp.repeat(jnp.repeat(offsets, 2, axis=0), 2, axis=1)
    assert_close(jnp.moveaxis(offsets, -1, 0), op("cva/offset"))


def test_gaussians():
    sizes = op("gauss/hw")[:, ::-1].astype(np.float32)
    np.testing.assert_allclose(gaussian_radius(sizes), op("gauss/radius"), rtol=1e-4)
    spots, want = op("gauss/center_radius"), op("gauss/map")
    shown = np.ones(len(spots), bool)
    assert_close(gaussian_spots(spots[:, :2], spots[:, 2], shown, *want.shape).max(axis=0), want)


def test_decoding():
    heat, offsets, sizes = (op(f"decode/in_{name}")[0] for name in ("hm", "reg", "wh"))
    count = op("decode/scores").size
    found = decode_centers(heat, offsets, sizes, count)

    def at_peaks(name):
        x = op(f"decode/in_{name}")[0]
        return x.reshape(-1, x.shape[-1])[np.asarray(found.cells)]

    features, network = op("decode/in_seg_feat")[0], SegFeature().network
    masks = center_masks(features, at_peaks("conv_weight"), found.centers, network)
    ours = {
        "scores": found.scores,
        "clses": found.labels,
        "cts": found.places,
        "bboxes": found.boxes,
        "tracking": at_peaks("tracking"),
        "embedding": unit(at_peaks("embedding")),
        "pred_mask": jax.nn.sigmoid(masks),
    }
    want = [op(f"decode/{name}", False).reshape(count, -1) for name in ours]
    ours, want = (
        np.concatenate([np.reshape(x, (count, -1)) for x in own], axis=1)
        for own in (ours.values(), want)
    )
    # Peaks of equal score have no order in the record.
    ours, want = (x[np.lexsort((x[:, 3], x[:, 2], x[:, 1], -x[:, 0]))] for x in (ours, want))
    np.testing.assert_allclose(ours, want, atol=1e-4)


def test_suppression_in_pixels_of_the_original_frame():
    height, width, rows, columns = map(int, op("nms/size"))
    scale = STRIDE * columns / max(height, width)
    frame = FrameMap(
        size=jnp.float32([columns, rows]),
        image=jnp.float32([scale * width, scale * height]),
        scale=jnp.float32([scale, scale]),
    )
    boxes, scores = frame.boxes_to_original(jnp.asarray(op("nms/boxes"))), op("nms/scores")
    kept = nms(boxes, scores, scores >= 0.05, 0.7, convention=INCLUSIVE)
    order = np.argsort(-scores, kind="stable")
    ours = np.array([i for i in order if kept[i] and scores[i] > 0.05])
    np.testing.assert_array_equal(ours, op("nms/kept"))
    centers = frame.to_original(jnp.asarray(op("nms/cts")))
    moved = frame.to_original(jnp.asarray(op("nms/cts") + op("nms/offsets")))
    for own, name in ((boxes, "boxes"), (centers, "cts"), (moved - centers, "offsets")):
        assert np.abs(own[ours] - op(f"nms/out_{name}")).max() < 1e-3, name


@pytest.mark.parametrize("number", [0, 1, 2])
def test_masks_in_the_size_of_the_frame(number):
    probs, matrix = op(f"maskwarp{number}/prob"), op(f"maskwarp{number}/matrix")
    height, width = map(int, op(f"maskwarp{number}/size"))
    scale = 4 / float(matrix[0, 0])
    rows, columns = (
        centered_weights(n, m, scale) for n, m in zip(probs.shape, (height, width), strict=True)
    )
    warped = rows @ probs @ columns.T
    assert np.abs(warped.reshape(-1)[::7] - op(f"maskwarp{number}/warped")).max() < 1e-4
    packed = op(f"maskwarp{number}/binary_packed")
    want = np.unpackbits(packed, axis=1)[:, :width].astype(bool)
    own = rle.decode(mask_of_probs(probs, rows, columns)).astype(bool)
    assert (own != want).sum() <= 3


def targets(name, labels=None):
    """Objects at recorded cells."""
    index, width = op(f"{name}/ind"), {"focal": "focal/pred", "dice": "dice/seg_feat"}[name]
    columns = record(width, "ops").shape[-1]
    cells = np.stack([index % columns, index // columns], axis=-1)
    nothing = jnp.zeros(cells.shape)
    labels = jnp.zeros_like(jnp.asarray(index)) if labels is None else jnp.asarray(labels)
    return CenterTargets(
        jnp.asarray(cells), nothing, nothing, labels, jnp.asarray(op(f"{name}/mask") > 0)
    )


def test_focal_loss_and_its_gradient():
    own, heat = targets("focal", op("focal/cat")), op("focal/target")
    value, gradient = jax.value_and_grad(lambda x: focal_heat_loss(x, heat, own).value)(
        jnp.asarray(op("focal/pred"))
    )
    np.testing.assert_allclose(value, op("focal/loss"), rtol=1e-5)
    assert_close(gradient, op("focal/grad"))
    none = own.replace(valid=jnp.zeros_like(own.valid))
    value = focal_heat_loss(op("focal/pred"), heat, none).value
    np.testing.assert_allclose(value, op("focal/loss_no_objects"), rtol=1e-5)


def test_distance_loss_and_its_gradient():
    valid = op("l1/mask", False)[..., 0] > 0
    own = targets("focal")
    assert own.valid.shape == valid.shape
    own, wanted = own.replace(valid=jnp.asarray(valid)), op("l1/target", False)
    wanted = jnp.where(valid[..., None], wanted, 0)
    value, gradient = jax.value_and_grad(lambda x: center_loss(x, wanted, own).value)(
        jnp.asarray(op("l1/pred"))
    )
    np.testing.assert_allclose(value, op("l1/loss"), rtol=1e-4)  # 1e-4 in the published divisor
    assert_close(gradient, op("l1/grad"))


def test_motion_loss_and_its_gradient():
    cell, place = jnp.asarray(op("cvloss/cell")), jnp.asarray(op("cvloss/ind"))
    keep = np.take_along_axis(1 - op("cvloss/target"), op("cvloss/cell")[..., None], axis=1)
    valid = jnp.asarray(op("cvloss/mask") > 0)
    value, gradient = jax.value_and_grad(lambda x: motion_loss(x, cell, place, keep, valid).value)(
        jnp.asarray(op("cvloss/logits"))
    )
    np.testing.assert_allclose(value, op("cvloss/loss"), rtol=1e-5)
    assert_close(gradient, op("cvloss/grad"))
    none = motion_loss(op("cvloss/logits"), cell, place, keep, jnp.zeros_like(valid)).value
    assert none == op("cvloss/loss_no_objects") == 0


def test_dice_of_all_masks_of_a_frame_and_its_gradients():
    own, network = targets("dice"), SegFeature().network
    masks = jnp.asarray(record("dice/target", "ops")) > 0

    def loss(features, networks, drawn):
        places = own.cells.astype(jnp.float32)
        logits = jax.vmap(lambda *x: center_masks(*x, network))(
            features, at_cells(networks, own), places
        )
        return seg_mask_loss(logits, masks, drawn).value

    arguments = jnp.asarray(op("dice/seg_feat")), jnp.asarray(op("dice/conv_weight"))
    value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(*arguments, own.valid)
    np.testing.assert_allclose(value, op("dice/loss"), rtol=1e-5)
    for gradient, name in zip(gradients, ("seg_feat", "conv_weight"), strict=True):
        assert_close(gradient, op(f"dice/grad_{name}"))
    one = own.valid & (jnp.arange(own.valid.shape[1]) < 1)
    np.testing.assert_allclose(loss(*arguments, one), op("dice/loss_one_object"), rtol=1e-5)


def test_the_tracker_on_a_recorded_sequence():
    counts, slots = op("tracker/n"), op("tracker/ids").shape[1]
    tracker = CenterTracker()
    memory = tracker.init_memory(
        len(op("tracker/bank_after")), op("tracker/embedding", False).shape[-1], slots
    )
    step = jax.jit(tracker.step)
    for t, count in enumerate(counts):
        own = {x: record(f"tracker/{x}", "ops")[t] for x in ("bbox", "score", "class", "embedding")}
        objects = Detections(
            boxes=own["bbox"],
            scores=own["score"],
            labels=own["class"],
            embeddings=own["embedding"],
            mask_logits=np.zeros((slots, 1, 1)),
            mask_boxes=own["bbox"],
            valid=np.arange(slots) < count,
            overflow=np.int32(0),
        )
        centers, offsets = (record(f"tracker/{x}", "ops")[t] for x in ("ct", "tracking"))
        memory, output = step(memory, CenterDetections(objects, centers, offsets))
        want = record("tracker/ids", "ops")[t][:count]
        for box, identity in zip(output.boxes[:count], output.ids[:count], strict=True):
            assert identity in want[(own["bbox"][:count] == box).all(axis=1)]
        assert sorted(output.ids[:count].tolist()) == sorted(want.tolist())
        assert memory.count == op("tracker/id_count")[t]
        order = np.argsort(memory.bank.ids)[np.sort(memory.bank.ids) > 0]
        ages = (memory.frame - memory.bank.seen)[order]
        np.testing.assert_array_equal(ages, op("tracker/ages_after")[t][: len(order)])
        labels = op("tracker/classes_after")[t][: len(order)]
        np.testing.assert_array_equal(memory.bank.labels[order], labels)
    order = np.argsort(memory.bank.ids)
    assert_close(memory.bank.embeddings[order], op("tracker/bank_after"))
