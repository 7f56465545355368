"""Assignments, losses and gradients of the recorded pairs of frames, of which one is padded."""

import functools

import jax
import numpy as np
import pytest
from golden.idol.idol_model import (
    assert_recorded,
    published_idol,
    record,
    rules,
    settings,
)
from golden_folder import golden_json

from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.models import instance_losses as learning
from ovis_jax.models.heads import contrast
from ovis_jax.models.heads.dynamic_mask import mask_logits
from ovis_jax.weights.rules import to_state_dict

PAIRS, FRAMES = (0, 1), ("key", "ref")
LOSS_TOLERANCE, GRADIENT_TOLERANCE, OFFSET_TOLERANCE = 1e-4, 2e-2, 5e-2
SAMPLES_TO_NORM, MEDIAN_TOLERANCE = 2.5, 2e-3
NAMES = {
    "class": "loss_ce",
    "box": "loss_bbox",
    "giou": "loss_giou",
    "mask": "loss_mask",
    "dice": "loss_dice",
    "contrast": "loss_reid",
    "cosine": "loss_reid_aux",
}
every_pair = pytest.mark.parametrize("pair", PAIRS)

pytestmark = pytest.mark.exhaustive


def part(pair, frame, name):
    return record(f"p{pair}_{frame}/{name}", "loss")


@functools.cache
def batch():
    """The pairs; an object stands in the slot of its number in both frames."""
    sizes = [part(pair, "key", "img").shape[:2] for pair in PAIRS]
    height, width = np.max(sizes, axis=0)
    capacity = len(part(0, "key", "ids"))
    clip = empty_clip(
        height + -height % 32, width + -width % 32, ClipShape(2, 1, capacity), leading=(2,)
    )
    for pair, (h, w) in enumerate(sizes):
        clip.image_size[pair] = h, w
        for number, frame in enumerate(FRAMES):
            clip.frames[pair, number, :h, :w] = part(pair, frame, "img")
            ids = part(pair, frame, "ids")
            clip.instances.valid[pair, number] = ids >= 0
            clip.instances.identities[pair, number] = ids
            clip.instances.labels[pair, number] = part(pair, frame, "cls")
            clip.instances.boxes[pair, number] = part(pair, frame, "boxes")
        bits = np.unpackbits(part(pair, "key", "masks"), axis=-1)[:, : h * w]
        masks = np.zeros((capacity, *clip.frames.shape[2:4]), np.uint8)
        masks[:, :h, :w] = bits.reshape(-1, h, w)
        clip.instances.masks[pair, 0] = np.packbits(masks, axis=-1)
    return clip


def slots_of(pair):
    """Slots of the objects that the criterion sees, in its order."""
    return np.flatnonzero(batch().instances.valid[pair, 0])


@functools.cache
def draws():
    """The rule of the records in place of random numbers: which negatives are chosen first."""
    shape = (*batch().instances.valid[:, 0].shape, settings()["num_queries"])
    found = np.ones(shape)
    for pair in PAIRS:
        pos, near = (record(f"ref_p{pair}/{name}", "loss") for name in ("pos", "near"))
        for slot, own, close in zip(slots_of(pair), pos, near, strict=True):
            negatives = np.flatnonzero(~close)
            count = min(contrast.NEGATIVES_OF_A_POSITIVE * max(own.sum(), 1), len(negatives))
            chosen = np.arange(count) * len(negatives) // count
            found[pair, slot, negatives[chosen]] = 0
    return found


def everything(system, clip, draws):
    """Losses, and what they are made of: predictions, targets, what is compared."""
    predicted = system.predict_pairs(clip)
    losses, _ = system.teach(predicted, clip, draws)
    objects = learning.frame_objects(clip.instances_of(0), clip.image_size)
    targets = system.targets(predicted.key, objects)
    pairs = system.pair_embeddings(predicted, targets, clip)
    return losses, (predicted, objects, targets, pairs)


@functools.cache
def gradients():
    """Losses, gradients by our path, and what `everything` gives, in one program."""
    system, variables = published_idol()
    others = {name: x for name, x in variables.items() if name != "params"}

    @functools.partial(jax.value_and_grad, has_aux=True)
    def total(params, others):
        own = others | {"params": params}
        losses, seen = system.apply(own, batch(), draws(), method=everything)
        losses = {name: mean.value for name, mean in losses.items()}
        return sum(losses.values()), (losses, seen)

    (_, (losses, seen)), found = jax.jit(total)(variables["params"], others)
    return losses, variables | {"params": found}, seen


@pytest.fixture(scope="module")
def seen():
    return jax.device_get(gradients()[2])


def layers(seen):
    return range(len(seen[0].key.logits))


@every_pair
def test_objects_that_the_criterion_sees(seen, pair):
    objects, slots = seen[1], slots_of(pair)
    want = record(f"p{pair}/target_boxes", "loss")
    np.testing.assert_allclose(objects.boxes.boxes[pair, slots], want, atol=1e-6)
    np.testing.assert_array_equal(
        objects.labels[pair, slots], record(f"p{pair}/target_labels", "loss")
    )


@every_pair
def test_predictions_after_each_layer(seen, pair):
    key = seen[0].key
    for layer in layers(seen):
        assert_recorded(key.logits[layer, pair], f"layer{layer}_p{pair}/logits", "loss")
        assert_recorded(key.decoded.boxes[layer, pair], f"layer{layer}_p{pair}/boxes", "loss")


@every_pair
def test_queries_of_objects_after_each_layer(seen, pair):
    targets, slots = seen[2], slots_of(pair)
    for layer in layers(seen):
        name, positive = f"layer{layer}_p{pair}", targets.positive[layer, pair]
        np.testing.assert_array_equal(positive, record(f"{name}/selected", "loss"))
        own = slots[record(f"{name}/gt", "loss")]
        np.testing.assert_array_equal(targets.index[layer, pair][positive], own)
        cheapest = targets.assigned.query[layer, pair, slots]
        np.testing.assert_array_equal(cheapest, record(f"{name}/matched_query", "loss"))


@every_pair
def test_masks_of_the_queries_of_objects(seen, pair):
    key, targets = seen[0].key, seen[2]
    network = published_idol()[0].head.network
    size = batch().image_size[pair][::-1].astype(np.float32)

    @jax.jit
    def draw(params, points):
        ones = np.ones(len(points), np.float32)
        return mask_logits(key.mask_features[pair], params, points, ones, network)

    for layer in layers(seen):
        own = key.networks[layer, pair], key.decoded.places[layer, pair] * size
        masks = np.asarray(draw(*own))[targets.positive[layer, pair]]
        assert_recorded(masks[None, :, None], f"layer{layer}_p{pair}/masks", "loss")


@every_pair
def test_choices_in_the_reference_frame(seen, pair):
    predicted, _, _, pairs = seen
    name, slots = f"ref_p{pair}", slots_of(pair)
    assert_recorded(predicted.reference_boxes[pair], f"{name}/boxes", "loss")
    np.testing.assert_array_equal(pairs.valid[pair, slots], record(f"{name}/valid", "loss"))
    there = slots[pairs.valid[pair, slots]]
    valid = record(f"{name}/valid", "loss")
    np.testing.assert_array_equal(pairs.positive[pair, there], record(f"{name}/pos", "loss")[valid])
    np.testing.assert_array_equal(
        ~pairs.negative[pair, there], record(f"{name}/near", "loss")[valid]
    )


def test_products_and_cosines(seen):
    pairs = seen[3]
    products = np.asarray(contrast.products_of(pairs.own, pairs.others))
    cosines = np.asarray(contrast.cosines_of(pairs.own, pairs.others))
    chosen = np.asarray(contrast.some_negatives(pairs.negative, pairs.positive, draws()))
    for item, (pair, slot) in enumerate(np.argwhere(pairs.valid)):
        positive = pairs.positive[pair, slot]
        parts = (
            ("contrast", products, pairs.negative[pair, slot]),
            ("aux_consin", cosines, chosen[pair, slot]),
        )
        for name, values, negative in parts:
            own = np.concatenate([values[pair, slot][mask] for mask in (positive, negative)])
            want = record(f"item{item}/{name}", "loss")[:, 0]
            assert len(own) == len(want)
            np.testing.assert_allclose(own, want, atol=2e-4 * np.abs(want).max())


def their_name(ours):
    name, _, layer = ours.partition("_layer")
    return NAMES[name] + (f"_{layer}" if layer else "")


def test_losses():
    losses, *_ = gradients()
    recorded = golden_json("idol", "loss.json")
    assert {their_name(name) for name in losses} == set(recorded["losses64"])
    for name, value in losses.items():
        want = recorded["losses64"][their_name(name)]
        np.testing.assert_allclose(value, want, rtol=LOSS_TOLERANCE, err_msg=name)
    np.testing.assert_allclose(sum(losses.values()), recorded["total64"], rtol=LOSS_TOLERANCE)


def test_gradients():
    """Samples of a tensor may differ more than its norm, by rounding alone.

    A point of attention may lie within rounding of the middle of a cell, where the slope changes.
    """
    recorded = golden_json("idol", "loss.json")
    mine, errors = to_state_dict(gradients()[1], rules()), []
    for name, entry in recorded["gradients"].items():
        own, want = mine[name].astype(np.float64).reshape(-1), np.asarray(entry["samples"])
        samples = own[:: entry["sample_stride"]][: len(want)]
        tolerance = OFFSET_TOLERANCE if "sampling_offsets" in name else GRADIENT_TOLERANCE
        assert abs(np.linalg.norm(own) - entry["norm"]) <= tolerance * entry["norm"], name
        typical = max(entry["norm"] / np.sqrt(own.size), np.sqrt(np.mean(want**2)))
        errors.append(np.sqrt(np.mean((samples - want) ** 2)) / typical)
        assert errors[-1] <= SAMPLES_TO_NORM * tolerance, f"{name}: {errors[-1]:.1e}"
    assert np.median(errors) <= MEDIAN_TOLERANCE


def test_what_is_frozen_receives_no_gradient():
    recorded = golden_json("idol", "loss.json")
    mine = to_state_dict(gradients()[1], rules())
    for name in recorded["frozen"]:
        assert not np.any(mine[name]), name
