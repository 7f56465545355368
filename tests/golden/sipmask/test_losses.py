"""Targets, losses and gradients of the recorded SipMask batch, with its shifts of boxes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.comparison import BOX_TOLERANCE
from golden.recorded_batch import frame_pairs, padded
from golden.sipmask.sipmask_model import (
    apply,
    assert_recorded,
    published_sipmask,
    record,
)
from golden_folder import golden_json

from configs import sipmask_r50_ovis
from ovis_jax.models.heads import fcos
from ovis_jax.models.heads import subregion_mask as mask_head
from ovis_jax.models.heads.track_map import embeddings_at
from ovis_jax.models.matching import pair_matches
from ovis_jax.ops.masks import halve_masks
from ovis_jax.ops.points import boxes_from_distances, grid_points
from ovis_jax.structures import Clips
from ovis_jax.training.optimizer import trained_parameters
from ovis_jax.weights.maps.sipmask import rules
from ovis_jax.weights.rules import to_state_dict

PAIRS = (0, 1)
LOSS_NAMES = {
    "class": "loss_cls",
    "box": "loss_bbox",
    "centerness": "loss_centerness",
    "mask": "loss_mask",
    "track": "loss_match",
}


def both(name: str) -> list[np.ndarray]:
    """The arrays of one name of both pairs."""
    return [record(f"pair{i}/{name}", "loss.npz") for i in PAIRS]


@functools.cache
def batch() -> Clips:
    pairs = golden_json("sipmask", "loss.json")["pairs"]
    return frame_pairs(
        (clip_canvases(np.stack(both("image_bgr"))), clip_canvases(np.stack(both("ref_bgr")))),
        [pair["img_shape"][:2] for pair in pairs],
        boxes=both("gt_boxes"),
        labels=both("gt_labels"),
        masks=[np.packbits(masks, axis=-1) for masks in both("gt_masks")],
        match=both("gt_pids"),
        reference_boxes=both("ref_boxes"),
    )


def points() -> list[np.ndarray]:
    height, width = batch().frames.shape[2:4]
    return [grid_points(-(-height // s), -(-width // s), s) for s in fcos.STRIDES]


def targets(pair: int) -> fcos.FCOSTargets:
    instances = jax.tree.map(lambda x: x[pair], batch().instances_of(0))
    settings = sipmask_r50_ovis.get_config().model.fcos
    return fcos.fcos_targets(
        points(), instances, radius=settings.radius, regress_ranges=settings.regress_ranges
    )


@pytest.mark.parametrize("pair", PAIRS)
def test_target_assignment(pair):
    ours = targets(pair)
    positive = np.asarray(ours.positive)
    labels = np.where(positive, ours.labels + 1, 0)
    np.testing.assert_array_equal(labels, record(f"pair{pair}/point_labels", "loss.npz"))
    want = record(f"pair{pair}/point_targets", "loss.npz")[positive]
    np.testing.assert_array_equal(ours.distances[positive], want)
    want = record(f"pair{pair}/pos_gt_index", "loss.npz")
    np.testing.assert_array_equal(ours.index[positive], want)


def test_centerness_targets():
    ends = np.cumsum([len(x) for x in points()])[:-1]
    both = [np.where(t.positive, t.centerness, np.nan) for t in map(targets, PAIRS)]
    # Recorded level by level, in each of them pair by pair.
    ours = np.concatenate([np.split(x, ends)[i] for i in range(5) for x in both])
    want = record("centerness_targets", "loss.npz")
    np.testing.assert_allclose(ours[np.isfinite(ours)], want, atol=1e-6)


@pytest.mark.parametrize("pair", PAIRS)
def test_annotated_masks_inside_predicted_boxes(pair):
    boxes = jnp.asarray(record(f"pair{pair}/mask_boxes", "loss.npz"))
    masks = halve_masks(batch().instances.masks[pair, 0])
    chosen = masks[record(f"pair{pair}/pos_gt_index", "loss.npz")]
    none = jnp.zeros((len(boxes), mask_head.QUARTERS, 1))
    _, inside = mask_head.mask_logits(jnp.zeros((*masks.shape[1:], 1)), none, boxes)
    sums = jnp.sum(chosen & inside, axis=(1, 2))
    np.testing.assert_array_equal(sums, record(f"pair{pair}/gt_crop_sum", "loss.npz"))


def predictions(system, pairs):
    """Maps, coefficients, basis maps and tracking maps of a batch."""
    query, reference = system.encode_pairs(pairs)
    maps = system.fcos(query)
    coefficients, basis = system.mask.coefficients(maps.class_features), system.basis(query, maps)
    return maps, coefficients, basis, system.track(query), system.track(reference)


@pytest.fixture(scope="module")
def predicted():
    return apply(predictions, batch())


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", PAIRS)
def test_predicted_boxes_and_masks_of_positive_points(predicted, pair):
    maps, coefficients, basis, *_ = jax.tree.map(lambda x: x[pair], predicted)
    positive = np.asarray(targets(pair).positive)
    boxes = boxes_from_distances(np.concatenate(points())[positive], maps.distances[positive]) / 2
    assert np.abs(boxes - record(f"pair{pair}/mask_boxes", "loss.npz")).max() < BOX_TOLERANCE
    logits, inside = mask_head.mask_logits(basis, coefficients[positive], boxes)
    probs = jnp.where(inside, jax.nn.sigmoid(logits), 0)
    assert_recorded(probs, record(f"pair{pair}/pred_masks", "loss.npz"), channels_last=False)
    sums = record(f"pair{pair}/pred_mask_sum", "loss.npz")
    np.testing.assert_allclose(probs.sum((1, 2)), sums, rtol=1e-4)


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", PAIRS)
def test_match_logits_and_targets_of_positive_points(predicted, pair):
    maps, *_, query_map, reference_map = jax.tree.map(lambda x: x[pair], predicted)
    own = targets(pair)
    query, others = (jax.tree.map(lambda x: x[pair], batch().instances_of(t)) for t in (0, 1))
    positive = np.asarray(own.positive)
    boxes = boxes_from_distances(np.concatenate(points())[positive], maps.distances[positive])
    reference = others.boxes[np.asarray(others.valid)]
    shifts = record(f"pair{pair}/ref_jitter", "loss.npz")[:, :2]
    reference = reference + jnp.tile(shifts * (reference[:, 2:] - reference[:, :2]), 2)
    logits = embeddings_at(query_map, boxes) @ embeddings_at(reference_map, reference).T
    logits = jnp.pad(logits, ((0, 0), (1, 0)))
    assert_recorded(logits, record(f"pair{pair}/match_logits", "loss.npz"), channels_last=False)
    want = record(f"pair{pair}/match_targets", "loss.npz")
    np.testing.assert_array_equal(pair_matches(query, others)[own.index[positive]], want)


@pytest.fixture(scope="module")
def losses_and_gradient():
    system, variables = published_sipmask()
    shifts = jnp.asarray(padded(both("ref_jitter"))[0][..., :2])

    def total(params):
        found = system.apply(
            variables | {"params": params}, batch(), shifts, method="shifted_losses"
        )
        losses, metrics = ({name: mean.value for name, mean in means.items()} for means in found)
        return sum(losses.values()), (losses, metrics)

    gradient = jax.jit(jax.value_and_grad(total, has_aux=True))
    (_, (losses, metrics)), gradients = gradient(variables["params"])
    assert metrics["positive_points"] == np.mean(golden_json("sipmask", "loss.json")["num_pos"])
    return losses, variables | {"params": gradients}


@pytest.mark.exhaustive
def test_losses(losses_and_gradient):
    losses, _ = losses_and_gradient
    want = golden_json("sipmask", "loss.json")["losses_float64"]
    assert set(losses) == set(LOSS_NAMES)
    for ours, theirs in LOSS_NAMES.items():
        np.testing.assert_allclose(losses[ours], want[theirs], rtol=1e-4, err_msg=ours)


@pytest.mark.exhaustive
def test_gradients(losses_and_gradient):
    _, gradients = losses_and_gradient
    recorded = golden_json("sipmask", "loss.json")
    ours = to_state_dict(gradients, rules())
    assert len(recorded["grads"]) == 102
    for name, entry in recorded["grads"].items():
        own, want = ours[name].astype(np.float64).reshape(-1), np.asarray(entry["sample"])
        error = np.linalg.norm(own[:: entry["sample_stride"]][: len(want)] - want)
        assert error <= 1e-2 * np.linalg.norm(want), f"{name}: {error:.2e}"
        assert abs(np.linalg.norm(own) - entry["norm"]) <= 1e-2 * entry["norm"], name


@pytest.mark.exhaustive
def test_parameters_without_a_recorded_gradient_are_not_trained(losses_and_gradient):
    _, variables = published_sipmask()
    frozen = sipmask_r50_ovis.get_config().train.frozen
    trained = traverse_util.flatten_dict(
        {"params": trained_parameters(variables["params"], frozen)}, sep="/"
    )
    names = {name for name, rule in rules().items() if trained.get(rule.target)}
    assert names == set(golden_json("sipmask", "loss.json")["grads"])
