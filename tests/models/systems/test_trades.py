"""TraDeS: what training and inference promise beside what every system does."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import random_frames
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, frame_pairs
from models.tiny_trades import tiny_config, tiny_system
from models.total_loss import total_loss

from configs import quickstart_trades
from ovis_jax.formats.errors import InputError
from ovis_jax.inference.window import frame_shapes
from ovis_jax.models.build import build_model
from ovis_jax.models.heads.center import center_targets, heat_targets
from ovis_jax.models.motion import DifferenceBlock
from ovis_jax.models.oracles import ADAPTIVE_NMS, IMAGE, with_oracle
from ovis_jax.structures import Instances, Window

SCALE, TRACKS = 0.5, 20


def with_instances(batch, **fields):
    return batch.replace(instances=batch.instances.replace(**fields))


def finite(tree):
    return all(np.isfinite(x).all() for x in jax.tree.leaves(tree))


def test_objects_of_one_pixel_leave_losses_and_gradients_finite():
    batch = frame_pairs()
    boxes = jnp.tile(jnp.array([20.0, 20, 21, 21]), (2, 2, 5, 1))
    masks = np.zeros((2, 2, 5, HEIGHT, WIDTH), bool)
    masks[..., 20, 20] = True
    masks = jnp.asarray(np.packbits(masks, axis=-1))
    (_, (losses, metrics)), gradient = total_loss(
        *tiny_system(), with_instances(batch, boxes=boxes, masks=masks)
    )
    assert metrics["objects"] == 3 and metrics["moved_objects"] == 2
    assert losses["size"] > 0 and finite((losses, gradient))
    boxes = boxes.at[..., 2:].set(20)  # of no size: such an object teaches nothing
    (_, (losses, metrics)), gradient = total_loss(
        *tiny_system(), with_instances(batch, boxes=boxes, masks=masks)
    )
    assert metrics["objects"] == 0 and losses["heat"] > 0
    assert losses["size"] == losses["offset"] == losses["mask"] == 0
    assert finite((losses, gradient))


def test_a_previous_frame_without_objects_teaches_no_motion():
    batch = frame_pairs()
    valid = batch.instances.valid.at[:, 1].set(False)
    (_, (losses, metrics)), gradient = total_loss(
        *tiny_system(), with_instances(batch, valid=valid)
    )
    assert metrics["objects"] > 0 and metrics["moved_objects"] == 0
    assert losses["motion_rows"] == losses["motion_columns"] == 0 and losses["mask"] > 0
    assert finite(gradient)


def test_group_norm_of_no_change_has_an_enormous_gradient_and_the_quickstart_draws_no_such_pair():
    block = DifferenceBlock(16, norm="group", group_rows=0, dtype="float32")
    some = jax.random.normal(jax.random.key(0), (1, 8, 8, 16))
    variables = block.init(jax.random.key(1), some, True)
    variables = jax.tree.map(lambda x: x + 0.1, variables)  # ReLU lets zeros pass none
    wanted = jax.random.normal(jax.random.key(2), some.shape)

    def loss(x):
        return jnp.sum(wanted * block.apply(variables, x, True))

    of_none, of_some = (float(jnp.linalg.norm(jax.grad(loss)(x))) for x in (0 * some, some))
    assert of_none > 1000 * of_some
    assert not quickstart_trades.get_config().data.clip.allow_same


def test_objects_of_one_class_share_a_heat_map_and_those_outside_have_none():
    boxes = jnp.array([[0, 0, 40, 24], [40, 20, 80, 44], [400, 0, 440, 20], [0, 0, 9, 9]])
    valid = jnp.array([True, True, True, False])
    targets = center_targets(boxes, jnp.array([1, 1, 0, 2]), valid, (16, 24))
    np.testing.assert_array_equal(targets.valid, [True, True, False, False])
    heat = np.asarray(heat_targets(targets, (16, 24), 3))
    assert {tuple(x) for x in np.argwhere(heat == 1)} == {(3, 5, 1), (8, 15, 1)}
    assert not heat[..., 0].any() and not heat[..., 2].any()
    np.testing.assert_allclose(targets.centers[:2], [[5, 3], [15, 8]])


@functools.cache
def stepped():
    """A frame's worth of `step`, compiled once: (score threshold is an argument by `clone`)."""

    def run(system, variables, frames, valid, before, truth):
        sizes = jnp.tile(jnp.array(IMAGE_SIZE, jnp.float32), (len(frames), 1))
        features = system.apply(variables, frames, sizes, method="encode")
        shapes = frame_shapes(features)
        memory = system.apply(variables, TRACKS, shapes, method="init_memory")
        features = jnp.where(valid[:, None, None, None], features, before)
        size = jnp.array(IMAGE_SIZE, jnp.float32)
        window = Window(features, valid, size, jnp.full(2, SCALE), truth=truth)
        return system.apply(variables, memory, window, method="step")

    return jax.jit(run, static_argnums=0)


def step(system, valid=(True, True), before=0.0, truth=None):
    return stepped()(system, tiny_system()[1], random_frames(2), jnp.array(valid), before, truth)


def annotated(*boxes, capacity=4):
    """Objects of one class with boxes on the canvas; what stands in other slots is poisoned."""
    valid = np.arange(capacity) < len(boxes)
    corners = np.full((capacity, 4), np.nan, np.float32)
    corners[: len(boxes)] = np.reshape(boxes, (-1, 4))
    slots = np.arange(capacity, dtype=np.int32)
    return Instances(corners, np.where(valid, slots % 5, 99), 10 + slots, None, valid)


def test_a_frame_without_detections_has_none_and_says_nothing_of_lost_ones():
    memory, output = step(tiny_system()[0].clone(score_threshold=2.0))
    assert not output.valid.any() and output.overflow == 0 and memory.count == 0
    assert memory.frame == 1 and not memory.active.valid.any()


def test_more_objects_than_there_is_room_for_are_counted():
    _, output = step(tiny_system()[0].clone(score_threshold=1e-6))
    capacity = tiny_system()[0].capacity.detections
    assert output.valid.any() and output.valid.sum() <= capacity and output.overflow > 0


def test_where_there_is_no_frame_before_the_frame_itself_stands_for_it():
    system = tiny_system()[0]
    _, alone = step(system, (False, True), jnp.nan)
    _, other = step(system, (False, True), 3.0)
    assert alone.valid.any()
    jax.tree.map(np.testing.assert_array_equal, alone, other)


def test_annotated_objects_are_what_the_image_oracle_links():
    system = with_oracle(tiny_system()[0], IMAGE, "oracle")
    truth = annotated((4, 4, 30, 30), (40, 10, 80, 50), (10, 20, 60, 40))
    memory, output = step(system, truth=truth)
    seen = np.asarray(output.valid)
    assert seen.sum() == 3 and output.overflow == 0 and (output.scores[seen] == 1).all()
    assert sorted(output.source[seen].tolist()) == [10, 11, 12]
    order = np.asarray(output.source[seen]) - 10
    np.testing.assert_array_equal(output.labels[seen], truth.labels[order])
    corner = (np.array([WIDTH, HEIGHT]) - np.array(IMAGE_SIZE)[::-1]) / 2
    want = (truth.boxes[order].reshape(-1, 2, 2) - corner) / SCALE
    np.testing.assert_allclose(output.boxes[seen].reshape(-1, 2, 2), want, atol=1e-4)
    lengths = np.linalg.norm(memory.bank.embeddings, axis=-1)
    np.testing.assert_allclose(np.sort(lengths)[-3:], 1, rtol=1e-5)  # what stands at their centres
    assert len(np.unique(np.asarray(memory.bank.embeddings)[lengths > 0], axis=0)) == 3


def test_annotated_objects_without_a_slot_count_as_overflow():
    few = tiny_system()[0].capacity.detections
    boxes = [(x, 0, x + 20, 20) for x in range(few + 2)]
    system = with_oracle(tiny_system()[0], IMAGE, "oracle")
    _, output = step(system, truth=annotated(*boxes, capacity=few + 5))
    assert output.valid.sum() == few and output.overflow == 2


def test_adaptive_suppression_keeps_what_lies_on_a_crowded_object_and_nothing_else():
    plain = tiny_system()[0].clone(nms_iou=0.1, score_threshold=1e-6)
    system = with_oracle(plain, ADAPTIVE_NMS, "oracle")
    whole = (0, 0, WIDTH, HEIGHT)
    _, nothing = step(system, truth=annotated())
    _, apart = step(system, truth=annotated((0, 0, 40, 50), (41, 0, 85, 50)))
    _, crowded = step(system, truth=annotated(whole, whole))
    assert nothing.valid.any()
    jax.tree.map(np.testing.assert_array_equal, apart, nothing)
    assert crowded.valid.sum() > nothing.valid.sum()
    _, without = step(plain)
    np.testing.assert_array_equal(nothing.valid, without.valid)
    np.testing.assert_allclose(nothing.boxes, without.boxes, atol=1e-3)


@pytest.mark.parametrize(
    ("part", "values", "said"),
    [
        ("data", {"resize": {"fit": "within"}}, "resize.fit: 'within', expected 'centered'"),
        ("model", {"trunk": "vgg"}, "trunk is 'vgg'; expected one of .'dla', 'resnet'"),
        ("model", {"tracker": {"max_aeg": 3}}, "max_aeg"),
    ],
)
def test_settings_that_do_not_fit_are_bad_input(part, values, said):
    config = tiny_config().copy_and_resolve_references()
    with config.unlocked():
        config[part].update(values)
    with pytest.raises(InputError, match=f"config.model: .*{said}"):
        build_model(config)
