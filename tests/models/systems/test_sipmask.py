"""SipMask with and without calibration: what training and inference promise."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import assert_same_detections, detect, random_frames
from models.poison import poison_instances
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, frame_pairs, window
from models.total_loss import total_loss

from configs import quickstart_csipmask
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.models.heads.track_map import embeddings_at
from ovis_jax.ops.shards import WHOLE, Shard

LOSSES = {"class", "box", "centerness", "mask", "track"}


def tiny_config(**references):
    """The quickstart network, narrower, and with detections from the start."""
    config = quickstart_csipmask.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.backbone.width = 8
    config.model.neck.channels = 16
    config.model.fcos.update(channels=16, class_convs=1, box_convs=1, align_groups=1)
    config.model.fcos.score_threshold = 0.001
    config.model.mask.update(num_basis=4, channels=16)
    config.model.track.update(channels=16, tower_channels=16, num_convs=1)
    config.model.calibration.update(displacements=2, channels=16, num_convs=1, init_scale=1.0)
    config.model.references.update(references)
    config.predict.reference_window = 2
    config.capacity.update(
        level_candidates=20, class_candidates=20, detections=8, tracks=20, positives=32
    )
    return config.lock()


@functools.cache
def tiny_system():
    """A system, and variables with which points predict boxes of several pixels."""
    system = build_system(tiny_config())
    variables = init_variables(system, jax.random.key(0))
    params = variables["params"]
    params["fcos"]["distances"]["bias"] = jnp.full(4, 1.5)
    params["fcos"]["distances"]["kernel"] *= 10
    params["fcos"]["class_logits"]["kernel"] *= 10
    for layer in ("coefficient", "basis0", "basis1"):
        params["mask"][layer]["kernel"] *= 10
    params["fcos"]["align"]["offset"]["kernel"] += 0.1
    return system, variables


def test_every_loss_is_finite_and_every_part_receives_a_gradient():
    system, variables = tiny_system()
    (total, (losses, metrics)), gradient = total_loss(system, variables, frame_pairs())
    assert set(losses) == LOSSES and all(x > 0 for x in losses.values())
    assert np.isfinite(total) and metrics["positive_points"] > 0
    assert set(gradient["params"]) == {"backbone", "neck", "fcos", "mask", "track", "calibration"}
    for part, tree in gradient["params"].items():
        assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(tree)) > 0, part


def test_what_stands_in_invalid_instance_slots_changes_no_loss_and_no_gradient():
    system, variables = tiny_system()
    batch = frame_pairs()
    clean = total_loss(system, variables, batch)
    poisoned = total_loss(system, variables, poison_instances(batch))
    jax.tree.map(np.testing.assert_array_equal, clean, poisoned)


def test_a_frame_without_objects_trains_the_background_only():
    system, variables = tiny_system()
    batch = frame_pairs()
    empty = jnp.zeros_like(batch.instances.valid)
    batch = batch.replace(instances=batch.instances.replace(valid=empty), reference_valid=empty)
    (_, (losses, _)), gradient = total_loss(system, variables, batch)
    assert losses["class"] > 0
    assert all(losses[name] == 0 for name in LOSSES - {"class"})
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


@pytest.mark.slow
def test_the_losses_of_shards_add_up_to_those_of_the_batch():
    system, variables = tiny_system()
    batch, key = frame_pairs(4), jax.random.key(1)
    valid = np.array(batch.instances.valid)
    valid[0, 1:] = False  # so that the shards have different numbers of objects
    batch = batch.replace(instances=batch.instances.replace(valid=jnp.asarray(valid)))

    def losses(rows, shard):
        return system.apply(variables, rows, key, shard, method="losses")[0]

    def parts(rows):
        return jax.vmap(lambda own: losses(own, Shard("data", 2)), axis_name="data")(rows)

    found = jax.jit(parts)(jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), batch))
    whole = jax.jit(lambda rows: losses(rows, WHOLE))(batch)
    for name, value in whole.items():
        np.testing.assert_allclose(found[name].sum(), value, rtol=1e-5, err_msg=name)


def test_positive_points_beyond_the_capacity_are_counted():
    system, variables = tiny_system()
    _, (_, metrics) = total_loss(system, variables, frame_pairs())[0]
    assert metrics["lost_positives"] == 0
    few = system.clone(capacity=system.capacity.replace(positives=3))
    losses = jax.jit(lambda *a: few.apply(variables, *a, method="losses")[1])
    metrics = losses(frame_pairs(), jax.random.key(1))
    assert metrics["lost_positives"] == metrics["positive_points"] - 3 > 0


def test_inverted_and_huge_predicted_boxes_leave_losses_and_gradients_finite():
    system, variables = tiny_system()
    for bias in (-40.0, 0.0, 1e4):
        params = jax.tree.map(lambda x: x, variables["params"])
        params["fcos"]["distances"]["bias"] = jnp.full(4, bias)
        (total, _), gradient = total_loss(system, variables | {"params": params}, frame_pairs())
        assert np.isfinite(total)
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    ("box", "cell"),
    [
        ([8, 8, 24, 8], (1, 2)),
        ([-90, -90, -10, -10], (0, 0)),
        ([500, 3, 900, 3], (0, 3)),
        ([0, 500, 0, 900], (2, 0)),
    ],
)
def test_a_box_whose_centre_is_outside_the_map_reads_the_nearest_cell(box, cell):
    track_map = jnp.arange(12.0).reshape(3, 4, 1)
    got = embeddings_at(track_map, jnp.array([box], jnp.float32))
    assert got[0] == track_map[cell]


def test_frames_outside_the_video_do_not_count_whatever_they_hold():
    system, variables = tiny_system()
    valid = [False, False, True, True, True]
    a = detect(system, variables, random_frames(), valid)
    assert a.valid.sum() > 2
    b = detect(system, variables, random_frames(), valid, outside=jnp.nan)
    assert_same_detections(a, b)


def test_a_one_frame_video_is_its_own_reference():
    system, variables = tiny_system()
    same = jnp.tile(random_frames(1), (5, 1, 1, 1))
    alone = detect(system, variables, same, [False, False, True, False, False])
    repeated = detect(system, variables, same, [True] * 5)
    np.testing.assert_array_equal(alone.valid, repeated.valid)
    np.testing.assert_allclose(alone.scores, repeated.scores, atol=1e-5)


def test_what_does_not_read_calibrated_maps_reads_the_query():
    base, variables = tiny_system()
    system = base.clone(track_calibrated=True, basis_calibrated=False)
    a = detect(base, variables, random_frames(), [True] * 5)
    b = detect(system, variables, random_frames(), [True] * 5)
    assert a.valid.any()
    np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-4)
    for field in ("embeddings", "mask_logits"):
        x, y = (np.asarray(getattr(d, field))[a.valid] for d in (a, b))
        assert np.abs(x - y).max() > 1e-6, field


@pytest.mark.parametrize("average", ["logits", "probs"])
def test_scores_and_masks_are_averaged_before_or_after_the_sigmoid(average):
    system = tiny_system()[0].clone(average_masks=average)
    logits, weights = np.float32([[-3.0, 1.0], [2.0, 9.0], [np.nan, 0]]), np.float32([0.5, 0.5, 0])
    mean, probs = logits[:2].mean(0), 1 / (1 + np.exp(-logits[:2]))
    want = 1 / (1 + np.exp(-mean)) if average == "logits" else probs.mean(0)
    got = system._mean_probs(jnp.asarray(logits), jnp.asarray(weights), average)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    basis = np.tile(logits[:, None, None, 1:], (1, 4, 6, 1))  # [F, h, w, 1]
    masks = system._mean_masks(basis, np.ones((3, 1, 4, 1)), np.float32([[2, 0, 6, 20]]), weights)
    probs = 1 / (1 + np.exp(-np.asarray(masks[0], np.float64)))
    np.testing.assert_allclose(probs[:, 1:3], want[1], rtol=1e-5)
    assert probs[:, [0, 3, 4, 5]].max() < 1e-20


def test_an_unknown_average_is_refused():
    with pytest.raises(ValueError, match="median"):
        build_system(tiny_config(average_masks="median"))


def test_masks_are_drawn_on_the_whole_frame_and_only_inside_their_boxes():
    system, variables = tiny_system()
    found = detect(system, variables, random_frames(), [True] * 5)
    # The frame is shown at half size, its grid at a quarter.
    assert found.mask_logits.shape[1:] == (HEIGHT // 2, WIDTH // 2)
    assert np.floor(found.mask_boxes[0]).tolist() == [0, 0, 2 * WIDTH - 1, 2 * HEIGHT - 1]
    for box, logits in zip(found.boxes[found.valid], found.mask_logits[found.valid], strict=True):
        rows, columns = np.nonzero(np.asarray(logits) > -60)
        if len(rows):
            assert columns.min() >= box[0] / 4 and columns.max() < box[2] / 4
            assert rows.min() >= box[1] / 4 and rows.max() < box[3] / 4
    limit = 2 * np.array(IMAGE_SIZE)[[1, 0, 1, 0]] - 2
    assert (np.asarray(found.boxes) <= limit).all()


@pytest.mark.slow
def test_a_still_scene_keeps_its_identities():
    system, variables = tiny_system()
    memory = system.apply(variables, 20, method="init_memory")
    still = jnp.tile(random_frames(1), (5, 1, 1, 1))
    step = jax.jit(
        lambda memory, first: system.apply(
            variables, memory, window(system, variables, still, [True] * 5, first), method="step"
        )
    )
    seen = []
    for t in range(3):
        memory, output = step(memory, t == 0)
        seen.append(np.asarray(output.ids)[np.asarray(output.valid)].tolist())
    assert seen[0] == list(range(len(seen[0]))) and seen[0]
    assert all(set(ids) <= set(seen[0]) and len(set(ids)) == len(ids) for ids in seen)
