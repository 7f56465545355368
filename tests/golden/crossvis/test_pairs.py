"""Targets and partners of the recorded batch of CrossVIS, and what is trained; runs no network."""

import functools

import jax
import numpy as np
import pytest
from flax import traverse_util
from golden.crossvis.crossvis_model import (
    bare_system,
    config,
    manifest,
    published_crossvis,
    record,
    rules,
)
from golden.crossvis.recorded_pairs import (
    FRAMES,
    batch,
    drawn,
    num_pairs,
    ours,
    positive_order,
    recorded_instances,
    recorded_order,
)
from golden_folder import golden_json

from ovis_jax.models.crossvis_pairs import swap_frames
from ovis_jax.models.heads.dynamic_mask import mask_targets
from ovis_jax.models.matching import pair_matches
from ovis_jax.training.optimizer import decayed_parameters, trained_parameters

every_frame = pytest.mark.parametrize("frame", FRAMES)


def of_frame(frame, name):
    return record(f"frame{frame}/{name}", "train")


@every_frame
def test_masks_are_sampled_at_every_fourth_pixel(frame):
    ours_ = np.asarray(mask_targets(batch().instances.masks))
    for pair in range(num_pairs()):
        want = record(f"pair{pair}/frame{frame}/gt_bitmasks_stride4", "train")
        want = np.unpackbits(want, axis=-1)[..., : ours_.shape[-1]]
        np.testing.assert_array_equal(ours_[pair, frame, : len(want)], want)


@every_frame
def test_objects_of_a_pair_are_recognised_by_their_identities(frame):
    instances = ours().instances
    matches = np.asarray(jax.vmap(pair_matches)(instances, swap_frames(instances)))
    for pair in range(num_pairs()):
        own, other = (recorded_instances(pair, t)["ids"].tolist() for t in (frame, 1 - frame))
        want = [1 + other.index(number) if number in other else 0 for number in own]
        assert any(want)
        found = matches[frame * num_pairs() + pair]
        assert found[: len(want)].tolist() == want and not found[len(want) :].any()


@every_frame
def test_target_assignment(frame):
    targets, system = ours().targets, bare_system()
    image, point = recorded_order(tuple(manifest()["padded_train"]), num_pairs())
    rows = frame * num_pairs() + image
    positive = np.asarray(targets.positive)[rows, point]
    labels = np.where(positive, np.asarray(targets.labels)[rows, point], system.fcos.num_classes)
    np.testing.assert_array_equal(labels, of_frame(frame, "labels"))
    np.testing.assert_array_equal(np.flatnonzero(positive), of_frame(frame, "pos_index"))
    rows, image, point = rows[positive], image[positive], point[positive]
    counts = [len(recorded_instances(pair, frame)["ids"]) for pair in range(num_pairs())]
    first = np.cumsum([0, *counts[:-1]])
    index = np.asarray(targets.index)[rows, point]
    np.testing.assert_array_equal(first[image] + index, of_frame(frame, "pos_gt_inds"))
    np.testing.assert_array_equal(image, of_frame(frame, "pos_im_inds"))
    strides = strides_of_points()
    distances = np.asarray(targets.distances)[rows, point] / strides[point, None]
    np.testing.assert_array_equal(distances, of_frame(frame, "pos_reg_targets"))
    centerness = np.asarray(targets.centerness)[rows, point]
    np.testing.assert_allclose(centerness, of_frame(frame, "pos_ctr_targets"), atol=1e-6)
    level = np.searchsorted(np.unique(strides), strides[point])
    np.testing.assert_array_equal(level, of_frame(frame, "pos_levels"))


@functools.cache
def strides_of_points():
    return np.asarray(bare_system().grid(ours().maps).strides)


@every_frame
def test_partners_are_those_of_the_stated_rule(frame):
    """Points whose networks are drawn onto a frame: those of the other one."""
    own, (_, partners, shared) = ours(), drawn()
    grid = bare_system().grid(own.maps)
    chosen = [
        ((row + num_pairs()) % (2 * num_pairs()), partners[row, slot])
        for row, slot in zip(*positive_order(1 - frame), strict=True)
        if shared[row, slot]
    ]
    rows, slots = np.array(chosen).T
    point, index = (np.asarray(x)[rows, slots] for x in (own.positives.point, own.positives.index))
    counts = [len(recorded_instances(pair, frame)["ids"]) for pair in range(num_pairs())]
    first, image = np.cumsum([0, *counts[:-1]]), rows % num_pairs()
    start = f"cross/onto_frame{frame}"
    np.testing.assert_array_equal(first[image] + index, record(f"{start}/gt_inds", "train"))
    np.testing.assert_array_equal(image, record(f"{start}/im_inds", "train"))
    np.testing.assert_array_equal(
        np.asarray(grid.places)[point], record(f"{start}/locations", "train")
    )
    level = np.searchsorted(np.unique(grid.strides), np.asarray(grid.strides)[point])
    np.testing.assert_array_equal(level, record(f"{start}/levels", "train"))


def test_numbers_of_partners_and_which_of_them_are_taken():
    own, (draws, _, shared) = ours(), drawn()
    numbers = np.concatenate([draws[:, 0], draws[:, 1]])
    sizes, choices = [], []
    for frame in FRAMES:
        for row, slot in zip(*positive_order(frame), strict=True):
            if shared[row, slot]:
                sizes.append(pool_size(own, row, slot))
                choices.append(numbers[row, slot] % sizes[-1])
    np.testing.assert_array_equal(sizes, record("cross/pool_sizes", "train"))
    np.testing.assert_array_equal(choices, record("cross/pool_choice", "train"))


def pool_size(own, row, slot):
    """Positive points of the same object in the other frame."""
    other = (row + num_pairs()) % (2 * num_pairs())
    ids, positives = np.asarray(own.instances.identities), own.positives
    identity = ids[row, positives.index[row, slot]]
    same = ids[other][np.asarray(positives.index[other])] == identity
    return int(np.sum(same & np.asarray(positives.valid[other])))


def flat_names(tree, wanted):
    """PyTorch names of the parameters whose leaf of a tree of bool is as wanted."""
    leaves = traverse_util.flatten_dict({"params": tree}, sep="/")
    return {name for name, rule in rules().items() if leaves.get(rule.target) is wanted}


def test_what_is_trained_and_what_decays_is_as_recorded():
    recorded, train = golden_json("crossvis", "train.json"), config().train
    params = published_crossvis()[1]["params"]
    trained = flat_names(trained_parameters(params, train.frozen), True)
    assert trained == set(recorded["grad"])
    assert not trained & set(recorded["no_grad"])
    undecayed = flat_names(decayed_parameters(params, train.undecayed), False)
    assert undecayed & trained == set(recorded["no_weight_decay"])
