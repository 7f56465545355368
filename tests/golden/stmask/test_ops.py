"""Operations of STMask against the reference implementation's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays

from ovis_jax.models.box_alignment import BoxAlignment
from ovis_jax.models.deformable import ModulatedConvNorm
from ovis_jax.models.heads import shape_anchors as head
from ovis_jax.models.heads.prototype_mask import prototype_logits
from ovis_jax.models.heads.shape_anchors import STDS, AnchorLosses, AnchorMaps
from ovis_jax.models.heads.track_shift import roi_cells
from ovis_jax.models.stmask_decoding import anchor_detections
from ovis_jax.models.stmask_pairs import PairLosses, similarity_loss
from ovis_jax.ops.assign import Assignment
from ovis_jax.ops.assign_anchors import AnchorThresholds
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.masks import mask_iou
from ovis_jax.ops.roi_align_adaptive import roi_align_adaptive
from ovis_jax.structures import Instances
from ovis_jax.tracking.shifted import MaskedBoxes, ShiftedTracker

SHAPES = [f"{height}x{width}" for height, width in head.SHAPES]


@pytest.fixture(scope="module")
def data():
    return golden_arrays("stmask", "ops.npz")


def assert_close(ours, want, tolerance=2e-5):
    np.testing.assert_allclose(ours, want, rtol=tolerance, atol=tolerance)


def last(x):
    """[C, H, W] as [1, H, W, C]."""
    return jnp.moveaxis(jnp.asarray(x), 0, -1)[None]


def first(x):
    """[1, H, W, C] as [C, H, W]."""
    return np.moveaxis(np.asarray(x)[0], -1, 0)


def kernel(x):
    return jnp.asarray(x.transpose(2, 3, 1, 0))


def corners(boxes):
    """(centre, size) as (x1, y1, x2, y2)."""
    return jnp.asarray(
        np.concatenate(
            [boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1
        )
    )


@pytest.mark.parametrize("stride", [1, 2])
def test_modulated_deformable_convolution(data, stride):
    own = {
        name.partition("/")[2]: x
        for name, x in data.items()
        if name.startswith(f"dcnv2_s{stride}/")
    }
    if not own:
        pytest.skip("not recorded")
    params = {
        "offset": {
            "kernel": kernel(own["conv_offset_mask.weight"]),
            "bias": own["conv_offset_mask.bias"],
        },
        "conv": {"kernel": kernel(own["weight"]), "bias": own["bias"]},
    }
    module = ModulatedConvNorm(len(own["out"]), stride)
    got = module.apply({"params": params}, last(own["x"]))
    assert_close(first(got), own["out"])
    offsets, weights = module.apply({"params": params}, last(own["x"]), method="taps")
    count = offsets.shape[-1]
    assert_close(first(offsets), own["offset_mask"][:count])
    assert_close(first(weights), jax.nn.sigmoid(own["offset_mask"][count:]))


@pytest.mark.parametrize("size", ["5x7", "1x2"])
@pytest.mark.parametrize("shape", range(len(SHAPES)))
@pytest.mark.parametrize("kind", ["ada", "ali"])
def test_features_from_the_predicted_box(data, kind, shape, size):
    own = f"fcb_{kind}_{SHAPES[shape]}_{size}"
    params = {"conv": {"kernel": kernel(data[f"{own}/conv_adaption.weight"])}}
    if kind == "ada":
        params["offset"] = {"kernel": kernel(data[f"{own}/conv_offset.weight"])}
    module = BoxAlignment(head.SHAPES[shape], kind)
    deltas, features = last(data[f"{own}/deltas"]), last(data[f"{own}/x"])
    offsets = module.apply({"params": params}, deltas, method="offsets")
    assert_close(first(offsets), data[f"{own}/offset"])
    aligned = module.apply({"params": params}, features, deltas)
    assert_close(first(aligned), np.maximum(data[f"{own}/adapted"], 0))
    logits = jax.lax.conv_general_dilated(
        aligned,
        kernel(data[f"{own}/conv.weight"]),
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    assert_close(first(logits + data[f"{own}/conv.bias"]), data[f"{own}/out"])


def test_correlation(data):
    got = first(correlation(last(data["corr/ref"]), last(data["corr/next"]), 11, dilation=1))
    assert_close(jax.nn.leaky_relu(got, 0.1), data["corr/out"])


def test_regions(data):
    features = last(data["roi/x"])[0]
    cells = roi_cells(jnp.asarray(data["roi/boxes"]), *features.shape[:2])
    assert_close(cells, data["roi/cells"])
    got = roi_align_adaptive(features, jnp.asarray(data["roi/cells"]), 7)
    assert_close(np.moveaxis(np.asarray(got), -1, 1), data["roi/out"])


def test_boxes_from_deltas_and_back(data):
    anchors = corners(data["codec/priors"])
    boxes = EXCLUSIVE.decode(anchors, jnp.asarray(data["codec/loc"]), stds=STDS)
    assert_close(boxes, data["codec/decoded"])
    assert_close(EXCLUSIVE.encode(anchors, boxes, stds=STDS), data["codec/encoded"])


def test_masks_of_prototypes(data):
    arrays = (jnp.asarray(data[f"mask/{name}"]) for name in ("proto", "coeff", "boxes"))
    assert_close(jax.nn.sigmoid(prototype_logits(*arrays)), data["mask/out"])


def test_overlaps(data):
    a, b = (jnp.asarray(data[f"iou/mask{i}"]) > 0.5 for i in (1, 2))
    assert_close(mask_iou(a, b), data["iou/mask"])


@pytest.mark.parametrize("most", [200, 25])
@pytest.mark.parametrize("kind", ["cc", "pc"])
def test_suppression(data, kind, most):
    boxes, logits = jnp.asarray(data["nms/boxes"]), jnp.log(jnp.asarray(data["nms/conf"]))
    deltas = jnp.zeros_like(boxes)
    maps = AnchorMaps(
        logits=logits,
        deltas=deltas,
        coefficients=deltas,
        embeddings=deltas,
        centerness=jnp.asarray(data["nms/centerness"]),
        shared=(),
    )
    found, kept = anchor_detections(
        maps,
        boxes,
        suppression={"cc": "across_classes", "pc": "per_class"}[kind],
        score_threshold=0.05,
        nms_iou=0.5,
        candidates=most,
        capacity={"cc": most, "pc": 100}[kind],
    )
    want = {name: data[f"nms/{kind}{most}_{name}"] for name in ("keep", "class", "score")}
    count = len(want["keep"])
    assert found.valid[:count].all() and not found.valid[count:].any()
    np.testing.assert_array_equal(kept[:count], want["keep"])
    np.testing.assert_array_equal(found.labels[:count], want["class"] - 1)
    assert_close(found.scores[:count], want["score"])


def test_every_anchor_of_a_frame_stands_for_what_it_stood_for(data):
    count = len(data["assign/gt"])
    instances = Instances(
        boxes=jnp.asarray(data["assign/gt"]),
        labels=jnp.asarray(data["assign/labels"]) - 1,
        identities=jnp.asarray(data["assign/ids"]),
        masks=None,
        valid=jnp.ones(count, bool),
    )
    anchors = corners(data["assign/priors"])
    logits = jnp.asarray(data["assign/logits"])
    got = head.anchor_targets(anchors, logits, instances, AnchorThresholds())
    classes = jnp.where(got.positive, instances.labels[got.index] + 1, -1 + got.negative)
    np.testing.assert_array_equal(classes, data["assign/conf_t"])
    positive = np.asarray(got.positive)
    np.testing.assert_array_equal(got.index[positive], data["assign/idx_t"][positive])


def recorded_targets(data):
    classes = jnp.asarray(data["loss/conf_t"])
    index = jnp.zeros(classes.shape, jnp.int32)
    return classes, Assignment(positive=classes > 0, negative=classes == 0, index=index)


def test_the_loss_of_classes_and_the_negatives_that_count(data):
    classes, targets = recorded_targets(data)
    logits = jnp.asarray(data["loss/logits"])
    kept = head.hard_negatives(logits, targets, AnchorLosses().negatives)
    np.testing.assert_array_equal(kept, data["loss/negatives"] > 0)
    loss = head.anchor_class_loss(logits, classes - 1, targets, AnchorLosses())
    np.testing.assert_allclose(loss.total, data["loss/C"][0], rtol=1e-5)


def test_the_loss_of_centerness(data):
    _, targets = recorded_targets(data)
    deltas, goals = (jnp.asarray(data[f"loss/{name}"]) for name in ("loc", "gt"))
    boxes = head.decode_anchors(corners(data["loss/priors"]), deltas)
    centerness = jnp.asarray(data["loss/centerness"])[..., 0]
    losses = head.anchor_box_losses(boxes, centerness, goals, targets.positive, AnchorLosses())
    np.testing.assert_allclose(losses["centerness"].total, data["loss/center"][0], rtol=1e-5)


def test_distance_iou(data):
    pairs = (jnp.asarray(data[f"loss/diou_{name}"]) for name in ("pred", "gt"))
    assert_close(EXCLUSIVE.paired_diou(*pairs), data["loss/diou"])


def test_the_loss_of_embeddings(data):
    _, targets = recorded_targets(data)
    embeddings = jnp.asarray(data["loss/embed"])
    weights = head.positive_weights(targets.positive)
    flat = [
        x.reshape(-1, *x.shape[2:])
        for x in (embeddings, jnp.asarray(data["loss/ids_t"]), weights, targets.positive)
    ]
    got = PairLosses().track * similarity_loss(*flat).value
    np.testing.assert_allclose(got, data["loss/T"][0], rtol=1e-5)


def test_affinities_are_a_sum_of_three_cues(data):
    """With overlaps of 0 what is left are cosines, and what a new object has."""
    cosine = 2 * data["affinity/cos"] - 1  # recorded from 0 to 1
    tracker = ShiftedTracker()
    count = len(cosine)
    values, vectors = cosine[:, 1:], np.eye(cosine.shape[1] - 1, dtype=np.float32)
    found = MaskedBoxes(
        boxes=jnp.zeros((count, 4)),
        scores=jnp.ones(count),
        labels=jnp.zeros(count, jnp.int32),
        coefficients=jnp.zeros((count, 1)),
        embeddings=jnp.asarray(values),
        valid=jnp.ones(count, bool),
        overflow=jnp.int32(0),
    )
    memory = tracker.init_memory(len(vectors), len(vectors), 1)
    memory = memory.replace(embeddings=jnp.asarray(vectors), count=jnp.int32(len(vectors)))
    got = tracker.affinities(memory, found, jnp.asarray(data["iou/mask"]))
    want = data["affinity/out"] - 2 * np.pad(data["iou/box"], ((0, 0), (1, 0)), constant_values=0.3)
    want[:, 0] += 2 * 0.3
    assert_close(got, want)
