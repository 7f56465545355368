"""Matching, losses and gradients of the recorded clips, one alone and two in a batch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.videomt.recorded_clips import (
    batch,
    draws,
    matched_pairs,
    number_of,
    objects_of,
    outputs,
    points_of,
    recorded,
)
from golden.videomt.videomt_model import (
    assert_close,
    config_of,
    published,
    record,
    settings,
    without_mask_token,
)
from golden_folder import golden_arrays

from ovis_jax.models.clip_matching import CostWeights, match_clip, matching_costs
from ovis_jax.models.query_losses import QueryLosses
from ovis_jax.ops.point_masks import uncertain_points
from ovis_jax.weights.maps import videomt_transformers
from ovis_jax.weights.rules import to_state_dict

RUNS = ("single", "pair")
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3
OPTIONS = {"labels": "last_frame", "skip_last_auxiliary": True}
every_run = pytest.mark.parametrize("run", RUNS)


@functools.cache
def losses_and_gradients(run, **options):
    system, variables = published(**dict(options))
    system = system.clone(criterion=QueryLosses(num_points=recorded(run)["config"]["P"]))

    def total(params):
        losses, _ = system.apply({"params": params}, batch(run), draws(run), method="drawn_losses")
        losses = {name: loss.value for name, loss in losses.items()}
        return sum(losses.values()), losses

    gradients, losses = jax.jit(jax.grad(total, has_aux=True))(variables["params"])
    return jax.device_get(losses), jax.device_get(gradients)


@functools.cache
def all_predictions(run):
    system, variables = published(**OPTIONS)
    run_clips = jax.jit(lambda v, b: system.apply(v, b, method="predict_clips"))
    return jax.device_get(run_clips(variables, batch(run)))


def predictions(run):
    """Those that are taught, by name."""
    *before, final = all_predictions(run)
    return dict(zip(outputs(), [*before[:-1], final], strict=True))


def loss_names():
    """The records' names of our losses."""
    kinds = {"class": "loss_ce", "mask": "loss_mask", "dice": "loss_dice"}
    suffixes = {f"_before_{i}": f"_{i}" for i in range(len(outputs()) - 1)} | {"": ""}
    return {f"{k}{s}": f"{kinds[k]}{suffixes[s]}" for k in kinds for s in suffixes}


def assert_losses(ours, theirs):
    for name, other in loss_names().items():
        np.testing.assert_allclose(ours[name], theirs[other], rtol=LOSS_TOLERANCE, err_msg=name)
    assert len(ours) == len(theirs)


@every_run
def test_predictions_of_clips(run):
    names = list(golden_arrays("videomt", f"train_{run}.npz"))
    for output, said in predictions(run).items():
        for kind in ("class_logits", "mask_logits"):
            name = f"{output}/{kind}"
            assert name in names
            ours = getattr(said, kind)
            ours = ours.reshape(-1, *ours.shape[2:])
            step = 1 if record(name, f"train_{run}").size == ours.size else 17
            assert_close(ours.reshape(-1)[::step], record(name, f"train_{run}"), name=name)


@every_run
@pytest.mark.parametrize("output", ["aux0", "aux1", "final"])
def test_costs_and_matching(run, output):
    objects, said = objects_of(run, OPTIONS["labels"]), predictions(run)[output]
    points, weights = points_of(0, 0, recorded(run)["config"]["P"]), CostWeights()
    for clip in range(len(objects.valid)):
        own_objects, own = jax.tree.map(lambda x, c=clip: x[c], (objects, said))
        costs = np.asarray(matching_costs(own, own_objects, points, weights))
        query, matched = match_clip(own, own_objects, points, weights)
        theirs = [
            e for e in recorded(run)["matching"] if (e["output"], e["video"]) == (output, clip)
        ]
        pairs = {}
        for entry in theirs:
            columns = [number_of(run, clip, target) for target in entry["targets"]]
            expected = record(f"{output}/v{clip}_f{entry['frame']}/cost", f"train_{run}")
            free = np.setdiff1d(np.arange(len(expected)), list(pairs.values()))
            assert_close(costs[entry["frame"]][free][:, columns], expected[free], 1e-4)
            for target, row in zip(entry["assigned_target"], entry["queries"], strict=True):
                pairs[number_of(run, clip, target)] = row
        assert {int(m): int(query[m]) for m in np.flatnonzero(matched)} == pairs
        assert matched.sum() == own_objects.valid.sum()


@every_run
def test_losses(run):
    ours, _ = losses_and_gradients(run, **OPTIONS)
    assert_losses(ours, recorded(run)["losses"])
    np.testing.assert_allclose(sum(ours.values()), recorded(run)["total"], rtol=LOSS_TOLERANCE)


@every_run
def test_class_losses_with_the_labels_that_objects_have(run):
    system, variables = published(labels="clip", skip_last_auxiliary=True)
    system = system.clone(criterion=QueryLosses(num_points=recorded(run)["config"]["P"]))
    ours, _ = jax.jit(lambda *given: system.apply(variables, *given, method="prediction_losses"))(
        all_predictions(run), batch(run).instances, draws(run)
    )
    theirs = recorded(run)["intact_labels"]["losses"]
    for name, other in loss_names().items():
        if name.startswith("class"):
            np.testing.assert_allclose(
                ours[name].value, theirs[other], rtol=LOSS_TOLERANCE, err_msg=name
            )


@every_run
def test_gradients(run):
    _, gradients = losses_and_gradients(run, **OPTIONS)
    theirs = recorded(run)["grads"]
    ours = to_state_dict({"params": gradients}, rules())
    for name in without_mask_token(theirs):
        entry, own = theirs[name], ours[name].reshape(-1)
        sample = own[:: entry["sample_stride"]][:16]
        expected = np.array(entry["sample_float64"])
        scale = entry["norm_float64_run"] / np.sqrt(own.size)  # of a number of this tensor
        if name.endswith("k_proj.bias"):  # exactly 0 but for rounding
            assert np.abs(own).max() < 1e-5
            continue
        np.testing.assert_allclose(
            np.linalg.norm(own), entry["norm_float64_run"], rtol=GRADIENT_TOLERANCE, err_msg=name
        )
        error = np.linalg.norm(sample - expected)
        assert error <= GRADIENT_TOLERANCE * max(np.linalg.norm(expected), 4 * scale), name


def rules():
    return videomt_transformers.rules(config_of(settings()["model"]).model)


@pytest.mark.parametrize("run", RUNS)
def test_labels_of_objects_that_the_last_frame_lacks(run):
    """Their own class by default; class K - 1 in the predictor, none in matching as published."""
    for labels, name in (("clip", "labels_intact"), ("last_frame", "labels_as_published")):
        objects = objects_of(run, labels)
        num_classes = settings()["model"]["num_labels"]
        for clip, theirs in enumerate(recorded(run)[name]):
            order = [number_of(run, clip, target) for target in range(len(theirs))]
            learned = [min(label, num_classes - 1) for label in theirs]
            matched = [min(label, num_classes) for label in theirs]
            assert objects.labels[clip][order].tolist() == learned
            assert objects.matched_labels[clip][order].tolist() == matched
            assert objects.valid[clip].sum() == len(theirs)


@pytest.mark.exhaustive
def test_clips_of_a_batch_that_learn_each_others_objects():
    """As published, with more than one clip on a device."""
    system, variables = published(**OPTIONS, mix_clips=True)
    mixed = jax.jit(lambda v, b: system.apply(v, b, method="predict_clips")[-1])
    ours = mixed(variables, batch("pair"))
    right = predictions("pair")["final"]
    clips, frames = right.class_logits.shape[:2]
    for b, t in np.ndindex(clips, frames):
        frame, clip = divmod(b * frames + t, clips)
        assert_close(ours.class_logits[b, t], right.class_logits[clip, frame], 1e-6)
    losses, _ = losses_and_gradients("pair", **OPTIONS, mix_clips=True)
    theirs = recorded("pair")["order_as_published"]["losses"]
    np.testing.assert_allclose(losses["class"], theirs["loss_ce"], rtol=LOSS_TOLERANCE)


@every_run
def test_uncertain_points_are_those_of_the_records_but_for_ties(run):
    count = recorded(run)["config"]["P"]
    criterion = QueryLosses(num_points=count)
    said = predictions(run)["final"]
    chosen = record("final/points", f"train_{run}")
    row, missing = 0, 0
    for clip in range(len(said.mask_logits)):
        own = [q for c, _, q in matched_pairs(run, "final") if c == clip]
        for frame in range(said.mask_logits.shape[1]):
            for query in own:
                candidates = points_of(1, row, criterion.oversampling * count)
                others = points_of(2, row, count - criterion.num_uncertain)
                ours = uncertain_points(
                    jnp.asarray(said.mask_logits[clip, frame, query]),
                    jnp.asarray(candidates),
                    jnp.asarray(others),
                    criterion.num_uncertain,
                )
                both = {tuple(p) for p in np.asarray(ours).tolist()} & {
                    tuple(p) for p in chosen[row].tolist()
                }
                missing += len(chosen[row]) - len(both)
                row += 1
    assert row == len(chosen)
    assert missing <= 0.01 * chosen.shape[0] * chosen.shape[1]
