"""Predictions, losses, gradients and running statistics of the recorded batch of CrossVIS."""

import functools

import jax
import numpy as np
import pytest
from golden.comparison import MAP_TOLERANCE, assert_close_map
from golden.crossvis.crossvis_model import (
    LEVELS,
    apply,
    assert_recorded,
    bare_system,
    levels,
    manifest,
    point_strides,
    published_crossvis,
    record,
    rules,
    thinned,
)
from golden.crossvis.recorded_pairs import (
    FRAMES,
    batch,
    drawn,
    num_pairs,
    ours,
    positive_order,
)
from golden_folder import golden_json

from ovis_jax.models import crossvis_pairs as pairs
from ovis_jax.models.batch_norm import RUNNING_STATS
from ovis_jax.models.heads.dynamic_mask import mask_logits, mask_targets
from ovis_jax.models.heads.reid import identity_logits
from ovis_jax.ops.losses import dice
from ovis_jax.weights.rules import to_state_dict

LOSSES = {
    "class": "loss_fcos_cls",
    "box": "loss_fcos_loc",
    "centerness": "loss_fcos_ctr",
    "mask": "loss_mask",
    "crossover": "loss_cross_over",
    "identity": "loss_reid",
}
LOSS_TOLERANCE = 1e-4
NORM_TOLERANCE, SAMPLE_TOLERANCE = 5e-3, 0.05
every_frame = pytest.mark.parametrize("frame", FRAMES)


def of_frame(frame, name):
    return record(f"frame{frame}/{name}", "train")


def predictions(system, pairs_):
    """Pyramids and what the heads say of both frames."""
    return system.encode_pairs(pairs_), system.predict_pairs(pairs_)


@pytest.fixture(scope="module")
def predicted():
    return jax.device_get(apply(predictions, batch()))


@pytest.mark.exhaustive
@every_frame
def test_maps_with_the_statistics_of_the_batch(predicted, frame):
    pyramids, own = predicted
    rows = slice(frame * num_pairs(), (frame + 1) * num_pairs())
    for x, level in zip(pyramids[frame], LEVELS, strict=True):
        assert_recorded(x, f"frame{frame}/{level}", "train")
    assert_recorded(own.features[rows], f"frame{frame}/mask_feats", "train")
    joined = {
        "cls": own.maps.logits[rows],
        "reg": own.maps.distances[rows] / point_strides(pyramids[frame]),
        "ctr": own.maps.centerness[rows][..., None],
        "reid": own.embeddings[rows],
    }
    for name, values in joined.items():
        for x, level in zip(levels(values, pyramids[frame]), LEVELS, strict=True):
            assert_recorded(x, f"frame{frame}/{name}_{level}", "train")


@pytest.mark.exhaustive
@every_frame
def test_predictions_of_positive_points(predicted, frame):
    _, own = predicted
    rows, slots = positive_order(frame)
    point = np.asarray(ours().positives.point)[rows, slots]
    grid = bare_system().grid(ours().maps)
    places, strides = np.asarray(grid.places)[point], np.asarray(grid.strides)[point]
    np.testing.assert_array_equal(places, of_frame(frame, "pos_locations"))
    values = {
        "reg_pred": own.maps.distances[rows, point] / strides[:, None],
        "ctr_pred": own.maps.centerness[rows, point],
        "ctl": own.networks[rows, point],
        "reid": own.embeddings[rows, point],
    }
    for name, x in values.items():
        assert_recorded(x, f"frame{frame}/pos_{name}", "train", channels_last=False)


def drawn_masks(predicted, own, partners, crossing):
    """Logits and dice of all masks [2B, P], of points in their own or in the other frame."""
    system = bare_system()
    items = pairs.mask_items(predicted, own.positives, system.grid(own.maps))
    if crossing:
        items = pairs.crossover_items(items, partners)
    targets = mask_targets(own.instances.masks)

    def of_row(row):
        features = predicted.features[row.image]
        logits = mask_logits(features, row.params, row.points, row.scales, system.mask.network)
        return logits, dice(jax.nn.sigmoid(logits), targets[row.image, row.index])

    return jax.lax.map(of_row, items)


@pytest.fixture(scope="module")
def masks(predicted):
    (_, own), known, (_, partners, _) = predicted, ours(), drawn()
    draw = jax.jit(lambda x: [drawn_masks(x, known, partners, c) for c in (False, True)])
    return jax.device_get(draw(own))


@pytest.mark.exhaustive
@every_frame
@pytest.mark.parametrize("crossing", [False, True])
def test_masks_in_their_own_and_in_the_other_frame(masks, frame, crossing):
    logits, losses = masks[crossing]
    rows, slots = positive_order(1 - frame if crossing else frame)
    if crossing:
        kept = drawn()[2][rows, slots]
        rows, slots = rows[kept], slots[kept]
    start = f"cross/onto_frame{frame}/" if crossing else f"frame{frame}/mask_"
    name = "mask_logits" if crossing else "logits"
    assert_recorded(logits[rows, slots], start + name, "train", channels_last=False)
    want = record(f"{start}dice", "train")
    np.testing.assert_allclose(losses[rows, slots], want, atol=MAP_TOLERANCE)


@pytest.mark.exhaustive
def test_logits_of_identities(predicted):
    _, own = predicted
    rows, slots = (np.concatenate(x) for x in zip(*map(positive_order, FRAMES), strict=True))
    positives = ours().positives
    point, index = (np.asarray(x)[rows, slots] for x in (positives.point, positives.index))
    identities = np.asarray(ours().instances.identities)[rows, index]
    np.testing.assert_array_equal(identities, record("reid/target_index", "train"))
    classifier = published_crossvis()[1]["params"]["identity"]
    logits = identity_logits(own.embeddings[rows, point], classifier["kernel"], classifier["bias"])
    want = record("reid/logits", "train")
    assert_close_map(thinned(logits, "reid/logits", "train"), want)


@pytest.fixture(scope="module")
def losses_and_gradient():
    system, variables = published_crossvis()
    draws, *_ = drawn()
    others = {name: x for name, x in variables.items() if name != "params"}

    @functools.partial(jax.value_and_grad, has_aux=True)
    def total(params, others):
        (losses, metrics), moved = system.apply(
            others | {"params": params},
            batch(),
            draws,
            method="drawn_losses",
            mutable=[RUNNING_STATS],
        )
        losses, metrics = (
            {name: mean.value for name, mean in means.items()} for means in (losses, metrics)
        )
        return sum(losses.values()), (losses, metrics, moved)

    (_, (losses, metrics, moved)), gradients = jax.jit(total)(variables["params"], others)
    assert metrics["lost_positives"] == 0
    assert metrics["positive_points"] * 2 * num_pairs() == len(record("reid/target_index", "train"))
    return losses, variables | {"params": gradients} | moved


@pytest.mark.exhaustive
def test_losses(losses_and_gradient):
    losses, _ = losses_and_gradient
    want = golden_json("crossvis", "train.json")["loss64"]
    assert {name.partition("_")[0] for name in losses} == set(LOSSES)
    for ours_, theirs in LOSSES.items():
        parts = [value for name, value in losses.items() if name.partition("_")[0] == ours_]
        np.testing.assert_allclose(sum(parts), want[theirs], rtol=LOSS_TOLERANCE, err_msg=ours_)
    np.testing.assert_allclose(sum(losses.values()), want["total"], rtol=LOSS_TOLERANCE)


@pytest.mark.exhaustive
def test_gradients(losses_and_gradient):
    _, gradients = losses_and_gradient
    recorded = golden_json("crossvis", "train.json")["grad"]
    mine = to_state_dict(gradients, rules())
    largest = max(entry["norm64"] for entry in recorded.values())
    for name, entry in recorded.items():
        own, want = mine[name].astype(np.float64).reshape(-1), np.asarray(entry["samples64"])
        samples = own[:: entry["sample_stride"]][: len(want)]
        if entry["norm64"] < 1e-6 * largest:  # what a batch norm cancels, and levels without points
            assert np.linalg.norm(own) < 1e-5 * largest, name
            continue
        error = np.abs(np.linalg.norm(own) - entry["norm64"])
        assert error <= NORM_TOLERANCE * entry["norm64"], f"{name}: {error:.2e}"
        typical = entry["norm64"] / np.sqrt(own.size)
        assert np.abs(samples - want).max() <= SAMPLE_TOLERANCE * typical, name


@pytest.mark.exhaustive
def test_running_statistics_after_one_forward_pass(losses_and_gradient):
    _, after = losses_and_gradient
    mine = to_state_dict(after, rules())
    names = [name for name in manifest()["files"]["train"] if name.startswith("after/")]
    assert len(names) > 0
    for name in names:
        assert_close_map(mine[name.removeprefix("after/")], record(name, "train"), name)
