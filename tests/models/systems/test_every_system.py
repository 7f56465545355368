"""What every system promises at inference, whatever it is made of."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import random_frames
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH
from models.tiny_systems import SYSTEMS

from ovis_jax.inference.stream import VideoStream
from ovis_jax.inference.window import frame_shapes
from ovis_jax.models.build import BUILDERS, build_system, variable_shapes
from ovis_jax.structures import Window

PLATFORMS = ("cpu", "cuda", "tpu")
LENGTH, CHUNK, TRACKS, SCALE = 5, 2, 20, 0.5
every_system = pytest.mark.parametrize("name", SYSTEMS)


def test_every_system_that_can_be_built_stands_in_the_table():
    assert {tiny.config().model.system for tiny in SYSTEMS.values()} == set(BUILDERS)


def encode(system, variables, frames):
    sizes = jnp.tile(jnp.array(IMAGE_SIZE, jnp.float32), (len(frames), 1))
    return system.apply(variables, frames, sizes, method="encode")


def infer(system, variables, frames, fill):
    """Outputs of all queries of a video of LENGTH frames, from windows cut out of all of it.

    Frames that a window asks for beyond the ends of the video hold `fill`.
    """
    before, after = system.window_before, system.window_after
    chunks = frames.reshape(-1, CHUNK, *frames.shape[1:])
    features = jax.lax.map(lambda chunk: encode(system, variables, chunk), chunks)
    features = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:LENGTH], features)
    number = jnp.arange(LENGTH)[:, None] + jnp.arange(-before, after + 1)
    valid = (number >= 0) & (number < LENGTH)

    def cut(x):
        exists = valid.reshape(*valid.shape, *[1] * (x.ndim - 1))
        outside = jnp.asarray(fill).astype(x.dtype)  # features may be whole numbers, too
        return jnp.where(exists, x[number.clip(0, LENGTH - 1)], outside)

    def step(memory, query):
        own, exists = query
        size = jnp.array(IMAGE_SIZE, jnp.float32)
        around = Window(features=own, valid=exists, image_size=size, scale=jnp.float32(SCALE))
        return system.apply(variables, memory, around, method="step")

    memory = system.apply(variables, TRACKS, frame_shapes(features), method="init_memory")
    return jax.lax.scan(step, memory, (jax.tree.map(cut, features), valid))[1]


@every_system
def test_inference_lowers_for_every_kind_of_device(name):
    config = SYSTEMS[name].config().copy_and_resolve_references()
    config.unlock().model.dtype = "bfloat16"
    system = build_system(config)
    variables = variable_shapes(system)
    frames = jax.ShapeDtypeStruct((LENGTH + 1, HEIGHT, WIDTH, 3), jnp.uint8)
    program = jax.jit(lambda v, x: infer(system, v, x, 0.0))
    assert jax.export.export(program, platforms=PLATFORMS)(variables, frames).platforms == PLATFORMS


@pytest.mark.slow
@every_system
def test_streaming_equals_offline_whatever_stands_beyond_the_ends_of_the_video(name):
    system, variables = SYSTEMS[name].build()
    frames = np.array(random_frames(LENGTH + 1))
    frames[2:4] = frames[:2]  # so that objects come again
    frames[LENGTH:] = 0
    want = jax.jit(lambda v, x: infer(system, v, x, jnp.nan))(variables, frames)
    stream = VideoStream(system, variables, chunk=CHUNK, tracks=TRACKS)
    outputs = []
    for chunk in stream(frames[:LENGTH], IMAGE_SIZE, SCALE):
        start, stop = max(-chunk.first_frame, 0), chunk.stop_frame - chunk.first_frame
        inside = slice(start, stop)
        outputs.append(jax.tree.map(lambda x, own=inside: x[own], jax.device_get(chunk.frames)))
    got = jax.tree.map(lambda *x: np.concatenate(x), *outputs)
    np.testing.assert_array_equal(got.valid, want.valid)
    assert got.valid.any() and len(set(got.ids[got.valid].tolist())) < got.valid.sum()
    for field in ("ids", "labels"):
        a, b = getattr(got, field), np.asarray(getattr(want, field))
        np.testing.assert_array_equal(a[got.valid], b[got.valid])
    for field in ("scores", "boxes", "mask_logits", "mask_boxes"):
        a, b = getattr(got, field), np.asarray(getattr(want, field))
        np.testing.assert_allclose(a[got.valid], b[got.valid], rtol=1e-4, atol=1e-4)
