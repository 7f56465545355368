"""Assignment, losses and gradients of a recorded batch, against the reference implementation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.stmask.recorded_batch import batch, losses
from golden.stmask.stmask_model import (
    assert_recorded,
    config,
    published_stmask,
    record,
    settings,
)

from ovis_jax.models import stmask_pairs as pairs
from ovis_jax.models.heads.shape_anchors import (
    anchor_class_loss,
    anchor_targets,
    decode_anchors,
    hard_negatives,
)
from ovis_jax.models.heads.track_shift import roi_cells
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.weights.maps import stmask
from ovis_jax.weights.rules import to_state_dict

LOSS_TOLERANCE = 1e-4
MASK_TOLERANCE = 1e-3
GRADIENT_TOLERANCE = 1e-2
NAMES = {
    # ours: theirs, tolerance
    "box": ("BIoU", LOSS_TOLERANCE),
    "mask": ("M", MASK_TOLERANCE),
    "class": ("C", LOSS_TOLERANCE),
    "centerness": ("center", LOSS_TOLERANCE),
    "box_shift": ("B_shift", LOSS_TOLERANCE),
    "mask_shift": ("M_shift", MASK_TOLERANCE),
    "track": ("T", LOSS_TOLERANCE),
}

pytestmark = pytest.mark.exhaustive


@functools.cache
def system():
    """The published system, which ranks and compares the whole batch together."""
    own, variables = published_stmask()
    settings = type(own.pair_losses)(group_clips=0)
    return own.clone(pair_losses=settings), variables


def on_device():
    return jax.tree.map(jnp.asarray, batch())


@functools.cache
def found():
    """Losses, metrics, gradients and predictions, in one program."""
    own, variables = system()
    clips = on_device()
    others = {name: x for name, x in variables.items() if name != "params"}

    def predictions(module, clips):
        frames = clips.frames.reshape(-1, *clips.frames.shape[2:])
        return module.predict(frames, jnp.repeat(clips.image_size, 2, axis=0))

    @functools.partial(jax.value_and_grad, has_aux=True)
    def total(params):
        apply = functools.partial(own.apply, {**others, "params": params})
        keys = RowKeys.of(jax.random.key(0), 2)
        both = apply(clips, keys, method="losses")
        means, metrics = ({name: mean.value for name, mean in x.items()} for x in both)
        return sum(means.values()), (means, metrics, apply(clips, method=predictions))

    (value, (means, metrics, predicted)), gradients = jax.jit(total)(variables["params"])
    return jax.device_get((value, means, metrics, predicted, {"params": gradients} | others))


@functools.cache
def targets():
    predicted = found()[3]
    instances = pairs.frame_instances(on_device())
    assign = jax.vmap(
        lambda logits, own: anchor_targets(predicted.anchors, logits, own, system()[0].thresholds)
    )
    return jax.device_get((instances, jax.jit(assign)(predicted.maps.logits, instances)))


def test_predictions():
    predicted = found()[3]
    maps = predicted.maps
    values = {
        "loc": maps.deltas,
        "conf": maps.logits,
        "mask_coeff": maps.coefficients,
        "centerness": maps.centerness[..., None],
        "track": maps.embeddings,
        "proto": predicted.prototypes,
    }
    for name, x in values.items():
        assert_recorded(x, f"pred/{name}", "train")


def test_anchors():
    anchors = np.asarray(found()[3].anchors)
    middle, size = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2:] - anchors[:, :2]
    want = record("pred/priors", "train")
    np.testing.assert_allclose(np.concatenate([middle, size], axis=1), want, atol=1e-6)


def test_every_anchor_stands_for_what_it_stood_for():
    instances, own = targets()
    labels = np.take_along_axis(instances.labels, own.index, axis=1) + 1
    classes = np.where(own.positive, labels, np.where(own.negative, 0, -1))
    np.testing.assert_array_equal(classes, record("targets/conf_t", "train"))
    identities = np.take_along_axis(instances.identities, own.index, axis=1)
    for x, name in ((identities, "ids_t"), (own.index, "idx_t")):
        np.testing.assert_array_equal(
            x[own.positive], record(f"targets/{name}", "train")[own.positive]
        )
    assert own.positive.sum(-1).tolist() == losses()["positives"]
    neutral = ~own.positive & ~own.negative
    assert neutral.sum(-1).tolist() == losses()["neutral"]


def test_the_negatives_that_count():
    logits, (_, own) = found()[3].maps.logits, targets()
    kept = hard_negatives(logits, own, system()[0].anchor_losses.negatives)
    np.testing.assert_array_equal(kept, record("targets/negatives", "train") > 0)
    assert kept.sum() == losses()["negatives_kept"]


@pytest.mark.parametrize("pair", [0, 1])
def test_regions_that_shifts_are_read_from(pair):
    predicted, (instances, own) = found()[3], targets()
    boxes = np.asarray(decode_anchors(predicted.anchors, predicted.maps.deltas))[2 * pair]
    identities = instances.identities[2 * pair][own.index[2 * pair]]
    after = instances.identities[2 * pair + 1][instances.valid[2 * pair + 1]]
    positive = own.positive[2 * pair]
    want = record(f"tf/pair{pair}/roi_cells", "train")
    shared = positive & np.isin(identities, after)
    chosen = shared if len(want) == shared.sum() else positive
    size = predicted.shift.level.shape[1:3]
    np.testing.assert_allclose(roi_cells(boxes[chosen], *size), want, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_losses(name):
    theirs, tolerance = NAMES[name]
    assert set(found()[1]) == set(NAMES) and found()[2]["lost_positives"] == 0
    np.testing.assert_allclose(found()[1][name], losses()["losses"][theirs], rtol=tolerance)


def test_the_total():
    np.testing.assert_allclose(found()[0], losses()["total"], rtol=MASK_TOLERANCE)


def test_gradients():
    mine = to_state_dict(found()[4], stmask.rules(config().model))
    largest = max(entry["norm"] for entry in losses()["grads"].values())
    assert len(losses()["grads"]) > 100
    for name, entry in losses()["grads"].items():
        own, want = mine[name].astype(np.float64).reshape(-1), np.asarray(entry["sample"])
        if entry["norm"] <= 1e-9 * largest:
            assert np.linalg.norm(own) <= 1e-6 * largest, name
            continue
        error = abs(np.linalg.norm(own) - entry["norm"]) / entry["norm"]
        assert error <= GRADIENT_TOLERANCE, f"{name}: norm {error:.2e}"
        samples = own[:: entry["sample_stride"]][: len(want)]
        typical = max(entry["norm"] / np.sqrt(own.size), np.linalg.norm(want) / np.sqrt(len(want)))
        worst = np.linalg.norm(samples - want) / np.sqrt(len(want)) / typical
        assert worst <= GRADIENT_TOLERANCE, f"{name}: samples {worst:.2e}"


def test_the_loss_of_classes_whose_weights_are_their_own():
    own, _ = system()
    aligned = type(own.anchor_losses)(shifted_weights=False)
    instances, assigned = targets()
    labels = np.take_along_axis(instances.labels, assigned.index, axis=1)
    loss = anchor_class_loss(found()[3].maps.logits, labels, assigned, aligned).value
    np.testing.assert_allclose(loss, losses()["C_if_weights_were_aligned"], rtol=LOSS_TOLERANCE)


def test_the_batch_is_the_recorded_one():
    frames = np.asarray(batch().frames)
    rgb = (frames - np.float32(published_stmask()[0].pixel_mean)) / np.float32(
        published_stmask()[0].pixel_std
    )
    width, height = settings()["train_scale"]
    rgb[:, :, height:] = 0
    rgb[:, :, :, width:] = 0
    assert_recorded(np.moveaxis(rgb, -1, 2), "images", "train")
