"""Assignment, targets, losses, gradients and running statistics of the recorded batch.

Two variants are recorded: "official" as the published code trains, the norms of its mask heads with
the statistics of the batch's objects; "eval_bn" with those of the file.
"""

import functools

import jax
import numpy as np
import pytest
from flax import traverse_util
from golden.queryvis.queryvis_model import (
    assert_close_boxes,
    assert_recorded,
    config,
    num_stages,
    published_queryvis,
    record,
    rules,
)
from golden.queryvis.recorded_images import batch, images, matches, recorded_order
from golden_folder import golden_json

from ovis_jax.models.batch_norm import RUNNING_STATS
from ovis_jax.models.heads import query as query_head
from ovis_jax.models.heads.query_mask import mask_targets
from ovis_jax.training.optimizer import trained_parameters
from ovis_jax.weights.rules import to_state_dict

NORMS = {"official": "batch", "eval_bn": "frozen_batch"}
LOSSES = {"class": "cls", "box": "bbox", "giou": "iou", "mask": "mask"}
STAGES = range(num_stages())
COST_TOLERANCE, LOSS_TOLERANCE, GRADIENT_TOLERANCE = 5e-3, 1e-4, 2e-2
every_stage = pytest.mark.parametrize("stage", STAGES)
every_variant = pytest.mark.parametrize("variant", NORMS)

pytestmark = pytest.mark.exhaustive


def of_pyramid(system, pyramid):
    """Outputs of the stages, and the losses with all that they are made of."""
    _, sizes, instances = batch()
    outputs = system.refine(pyramid, sizes)
    found = system.image_losses(pyramid, instances, sizes)
    return [(x.logits, x.boxes) for x in outputs], found


def total(found):
    count = found.targets.positive[0].sum()
    return sum(own.sum() for own in found.sums.values()) / count


@functools.cache
def official():
    """Gradients, and pyramid, stages, losses and statistics; of the whole network."""
    system, variables = published_queryvis()
    frames, sizes, _ = batch()
    others = {name: x for name, x in variables.items() if name != "params"}

    @functools.partial(jax.value_and_grad, has_aux=True)
    def loss(params, others):
        def run(system):
            pyramid = system.pyramid(frames, sizes)
            return pyramid, *of_pyramid(system, pyramid)

        (pyramid, outputs, found), moved = system.apply(
            others | {"params": params}, method=run, mutable=[RUNNING_STATS]
        )
        return total(found), (pyramid, outputs, found, moved)

    (_, aux), gradients = jax.jit(loss)(variables["params"], others)
    pyramid, outputs, found, moved = jax.device_get(aux)
    return pyramid, outputs, found, variables | {"params": gradients} | moved


@functools.cache
def eval_bn():
    """The same from the pyramid on."""
    system, variables = published_queryvis(norm=NORMS["eval_bn"])
    pyramid, *_ = official()
    others = {name: x for name, x in variables.items() if name != "params"}

    @functools.partial(jax.value_and_grad, has_aux=True)
    def loss(params, pyramid):
        outputs, found = system.apply(others | {"params": params}, pyramid, method=of_pyramid)
        return total(found), (outputs, found)

    (_, (outputs, found)), gradients = jax.jit(loss)(variables["params"], pyramid)
    return pyramid, outputs, jax.device_get(found), variables | {"params": gradients}


VARIANTS = {"official": official, "eval_bn": eval_bn}


@every_stage
def test_predictions_costs_and_assignment(stage):
    _, outputs, found, _ = official()
    _, sizes, instances = batch()
    logits, boxes = outputs[stage]
    weights = query_head.QueryWeights()
    for image in images():
        start = f"s{stage}/img{image}"
        assert_close_boxes(boxes[image], record(f"{start}/boxes", "train"))
        assert_recorded(logits[image], f"{start}/cls_logits", "train")
        own = jax.tree.map(lambda x, i=image: x[i], instances)
        costs = query_head.assignment_costs(logits[image], boxes[image], own, sizes[image])
        parts = (weights.classes, weights.box, weights.giou)
        cost = sum(weight * part for weight, part in zip(parts, costs, strict=True))
        query, objects = matches(stage, image)
        want = record(f"{start}/cost", "train")
        np.testing.assert_allclose(cost[:, : want.shape[1]], want, atol=COST_TOLERANCE)
        targets = jax.tree.map(lambda x, i=image: x[stage, i], found.targets)
        np.testing.assert_array_equal(np.flatnonzero(targets.positive), np.sort(objects))
        np.testing.assert_array_equal(targets.query[objects], query)


@every_stage
def test_mask_targets(stage):
    _, _, found, _ = official()
    _, sizes, instances = batch()
    shape = record(f"s{stage}/mask_targets_shape", "train")
    packed = record(f"s{stage}/mask_targets_packed", "train")
    want = np.unpackbits(packed, axis=-1)[..., : shape[-1]].astype(bool)
    image, index = recorded_order(stage)
    for number in images():
        boxes = found.items[stage].boxes[number][None]
        ours = mask_targets(instances.masks[number], boxes, sizes[number], int(shape[-1]))[0]
        mine = image == number
        np.testing.assert_array_equal(ours[index[mine]], want[mine])


@every_stage
@every_variant
def test_masks_of_the_objects(variant, stage):
    _, _, found, _ = VARIANTS[variant]()
    _, _, instances = batch()
    image, index = recorded_order(stage)
    labels = np.asarray(instances.labels)[image, index]
    ours = found.masks[stage][image, index, :, :, labels]
    assert_recorded(ours, f"{variant}/s{stage}/mask_pred_gt_class", "train")


@every_stage
@every_variant
def test_losses(variant, stage):
    _, outputs, found, _ = VARIANTS[variant]()
    want = golden_json("queryvis", "train.json")["losses"][variant]["float64"]
    assert set(found.sums) == set(LOSSES)
    count = found.targets.positive[stage].sum()
    for name, theirs in LOSSES.items():
        own = found.sums[name][stage] / count
        wanted = want[f"stage{stage}_loss_{theirs}"]
        np.testing.assert_allclose(own, wanted, rtol=LOSS_TOLERANCE, err_msg=name)
    image, index = recorded_order(stage)
    logits = found.items[stage].logits[image, index]
    correct = logits.argmax(-1) == np.asarray(batch()[2].labels)[image, index]
    np.testing.assert_allclose(100 * correct.mean(), want[f"stage{stage}_pos_acc"], rtol=1e-5)


@every_variant
def test_gradients(variant):
    *_, gradients = VARIANTS[variant]()
    recorded = golden_json("queryvis", "train.json")["grads"][variant]
    table = rules(frozen_masks=variant == "eval_bn")
    heads = ("roi_head", "rpn_head")  # of the other variant the pyramid is taken as it is
    mine = to_state_dict(gradients, table)
    names = [name for name, entry in recorded.items() if entry is not None]
    if variant == "eval_bn":
        names = [name for name in names if name.startswith(heads)]
    assert names
    largest = max(recorded[name]["norm64"] for name in names)
    for name in names:
        entry, own = recorded[name], mine[name].astype(np.float64).reshape(-1)
        if entry["norm64"] < 1e-5 * largest:  # what a batch norm cancels, a level without RoIs
            assert np.linalg.norm(own) < 1e-4 * largest, name
            continue
        error = abs(np.linalg.norm(own) - entry["norm64"])
        assert error <= GRADIENT_TOLERANCE * entry["norm64"], f"{name}: {error:.2e}"
        want = np.asarray(entry["sample64"])
        error = np.linalg.norm(own[:: entry["stride"]][: len(want)] - want)
        # A sample of numbers that are all small for their tensor says little of it.
        typical = entry["norm64"] * np.sqrt(len(want) / own.size)
        size = max(np.linalg.norm(want), 0.1 * typical)
        assert error <= GRADIENT_TOLERANCE * size, f"{name}: {error / size:.2e}"


def test_running_statistics_after_a_step():
    *_, after = official()
    mine = to_state_dict(after, rules())
    recorded = golden_json("queryvis", "train.json")["mask_bn_after"]
    assert len(recorded) == sum(name.startswith("running_stats") for name in targets_of(rules()))
    for name, entry in recorded.items():
        np.testing.assert_allclose(np.linalg.norm(mine[name]), entry["norm"], rtol=1e-4)
        want = np.asarray(entry["sample"])
        own = mine[name].reshape(-1)[::16][: len(want)]
        np.testing.assert_allclose(own, want, rtol=2e-3, atol=2e-3 * np.abs(want).max())


def targets_of(table):
    return [rule.target for rule in table.values()]


def test_what_is_trained_is_as_recorded():
    recorded = golden_json("queryvis", "train.json")["grads"]["official"]
    params = published_queryvis()[1]["params"]
    trained = trained_parameters(params, config().train.frozen)
    flat = traverse_util.flatten_dict(trained, sep="/")
    own = {
        name
        for name, rule in rules().items()
        if rule.target.startswith("params/") and flat[rule.target.removeprefix("params/")]
    }
    assert own == {name for name, entry in recorded.items() if entry is not None}
