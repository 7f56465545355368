"""What oracles promise of every system that has the parts for them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import random_frames
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, window
from models.tiny_systems import SYSTEMS, TRAINED
from toy_system import ToySystem

from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_system
from ovis_jax.models.oracles import ADAPTIVE_NMS, IMAGE, oracle_of, with_oracle
from ovis_jax.structures import Instances, Window

SCALE = 0.5


# Its objects are linked by motion as well, and the memory takes part in detection.
OF_ITS_OWN = ("trades",)  # tests/models/systems/test_trades.py


def systems_with(oracle):
    """All systems of the table that name it, but for those with tests of their own."""
    names = [name for name in TRAINED if name not in OF_ITS_OWN]
    known = {name: getattr(build_system(SYSTEMS[name].config()), "ORACLES", ()) for name in names}
    return pytest.mark.parametrize("name", [name for name in names if oracle in known[name]])


def annotated(*boxes, order=(0, 1, 2)) -> Instances:
    """Objects with boxes in resized pixels, one label each, in this order; a slot is poisoned."""
    order, capacity = [i for i in order if i < len(boxes)], len(boxes) + 1
    valid = np.arange(capacity) < len(boxes)
    slots = np.array([*order, 0])
    corners = np.array(boxes, np.float32)[slots]
    return Instances(
        boxes=np.where(valid[:, None], corners, np.nan).astype(np.float32),
        labels=np.where(valid, slots % 5, 99).astype(np.int32),
        identities=np.where(valid, 10 + slots, -7).astype(np.int32),
        masks=None,
        valid=valid,
    )


@functools.cache
def single_frame(name) -> tuple[object, dict, Window]:
    """A system without calibration, its variables and a window of random features."""
    tiny = SYSTEMS[name]
    system, variables = tiny.build(calibrated=False) if tiny.calibrated else tiny.build()
    count = system.window_before + 1 + system.window_after
    shapes = jax.eval_shape(
        lambda v, frames: window(system, v, frames, np.ones(count, bool)),
        variables,
        random_frames(count),
    )
    rng = np.random.default_rng(0)
    features = jax.tree.map(lambda x: rng.normal(size=x.shape).astype(x.dtype), shapes.features)
    size = np.array(IMAGE_SIZE, np.float32)
    valid = np.ones(count, bool)
    return system, variables, Window(features, valid, size, np.float32(SCALE))


@systems_with(ADAPTIVE_NMS)
def test_adaptive_suppression_keeps_what_lies_on_a_crowded_object_and_nothing_else(name):
    system, variables, plain = single_frame(name)
    detect = jax.jit(functools.partial(system.apply, method="detect"))

    def detections(*boxes, seen=True):
        truth = annotated(*boxes)
        truth = truth.replace(valid=truth.valid & seen)
        return jax.device_get(detect(variables, plain.replace(truth=truth)))

    whole = (0, 0, WIDTH - 1, HEIGHT - 1)
    nothing = detections(whole, whole, seen=False)
    apart = detections((0, 0, 40, 50), (41, 0, 85, 50))
    crowded = detections(whole, whole)
    assert nothing.valid.any()
    jax.tree.map(np.testing.assert_array_equal, apart, nothing)
    assert crowded.valid.sum() + crowded.overflow > nothing.valid.sum() + nothing.overflow


@systems_with(IMAGE)
def test_annotated_objects_are_tracked_by_the_embeddings_of_the_system(name):
    plain, variables, around = single_frame(name)
    system = with_oracle(plain, IMAGE, "oracle")
    assert (oracle_of(plain), oracle_of(system)) == ("", IMAGE)
    boxes = (4, 4, 30, 30), (40, 10, 80, 50), (10, 20, 60, 40)
    first, second = annotated(*boxes), annotated(*boxes, order=(2, 0, 1))

    @jax.jit
    def both(variables, around):
        memory = system.apply(variables, 20, None, method="init_memory")
        outputs = []
        for truth in (first, second):
            own = around.replace(truth=truth)
            memory, output = system.apply(variables, memory, own, method="step")
            outputs.append(output)
        own = jnp.asarray(np.float32(boxes))
        return outputs, memory, system.apply(variables, around, own, method="embed_boxes")

    (one, two), memory, embeddings = jax.device_get(both(variables, around))
    for truth, output in ((first, one), (second, two)):
        seen = truth.valid
        np.testing.assert_array_equal(output.valid, seen)
        np.testing.assert_array_equal(output.source[seen], truth.identities[seen])
        np.testing.assert_array_equal(output.labels[seen], truth.labels[seen])
        np.testing.assert_allclose(output.boxes[seen], truth.boxes[seen] / SCALE)
        assert (output.scores[seen] == 1).all() and output.overflow == 0
    assert one.ids[:3].tolist() == [0, 1, 2] and two.ids[:3].tolist() == [2, 0, 1]
    np.testing.assert_allclose(memory.embeddings[:3], embeddings, rtol=1e-5, atol=1e-6)
    assert np.ptp(embeddings, axis=0).any()


def test_an_oracle_that_a_system_has_no_part_for_is_refused():
    with pytest.raises(InputError, match="FIELD: 'image', expected '' for ToySystem"):
        with_oracle(ToySystem(), IMAGE, "FIELD")
    system, _ = SYSTEMS["mask_track_rcnn"].build(calibrated=False)
    with pytest.raises(InputError, match=f"'dance', expected '' or '{IMAGE}' or '{ADAPTIVE_NMS}'"):
        with_oracle(system, "dance", "FIELD")
    assert with_oracle(system, "", "FIELD") is system
