"""Streaming equals stepping through whole windows cut from the whole video."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_system import ToySystem, toy_variables

from ovis_jax.inference.stream import VideoStream
from ovis_jax.inference.window import frame_shapes
from ovis_jax.structures import Instances, Window

SIZE, SCALE = (7, 8), (0.5, 0.25)


def video(num_frames, height=8, width=8):
    rng = np.random.default_rng(num_frames)
    return rng.integers(0, 256, (num_frames, height, width, 3), np.uint8)


def make_system(before, after):
    system = ToySystem(window_before=before, window_after=after)
    return system, toy_variables(system)


def offline(system, variables, frames):
    """Encodes all frames, then steps with windows taken from all of them."""
    before, after = system.window_before, system.window_after
    features = system.apply(variables, frames, np.tile(SIZE, (len(frames), 1)), method="encode")
    memory = system.apply(variables, 5, frame_shapes(features), method="init_memory")
    outputs = []
    for query in range(len(frames)):
        wanted = np.arange(query - before, query + after + 1)
        exists = (wanted >= 0) & (wanted < len(frames))

        def cut(x, wanted=wanted, exists=exists):
            there = exists.reshape(-1, *[1] * (x.ndim - 1))
            return jnp.where(there, x[wanted.clip(0, len(frames) - 1)], jnp.nan)

        window = Window(
            features=jax.tree.map(cut, features),
            valid=jnp.asarray(exists),
            image_size=jnp.asarray(SIZE, jnp.float32),
            scale=jnp.array(SCALE),
        )
        memory, output = system.apply(variables, memory, window, method="step")
        outputs.append(jax.device_get(output))
    return outputs


def streamed(stream, frames):
    """Outputs by frame number; checks that slots outside the video are empty."""
    outputs = {}
    for chunk in stream(iter(frames), SIZE, SCALE):
        values = jax.device_get(chunk.frames)
        assert chunk.stop_frame == np.clip(chunk.first_frame + len(values.ids), 0, len(frames))
        for slot in range(len(values.ids)):
            number = chunk.first_frame + slot
            if 0 <= number < len(frames):
                outputs[number] = jax.tree.map(lambda x, i=slot: x[i], values)
            else:
                assert not values.valid[slot].any() and values.overflow[slot] == 0
    assert list(outputs) == list(range(len(frames)))
    return list(outputs.values())


@pytest.mark.parametrize("before, after", [(0, 0), (2, 2), (5, 5), (0, 7), (3, 1)])
def test_streaming_equals_offline_for_every_chunk_and_clip_length(before, after):
    system, variables = make_system(before, after)
    streams = [VideoStream(system, variables, chunk=chunk, tracks=5) for chunk in (1, 3, 4)]
    for length in range(1, 13):
        want = offline(system, variables, video(length))
        for stream in streams:
            got = streamed(stream, video(length))
            for a, b in zip(got, want, strict=True):
                jax.tree.map(assert_near, a, b)


def assert_near(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_a_video_leaves_nothing_behind_for_the_next_one():
    system, variables = make_system(2, 2)
    stream = VideoStream(system, variables, chunk=3, tracks=5)
    first = streamed(stream, video(8))
    streamed(stream, video(5))
    again = streamed(stream, video(8))
    jax.tree.map(np.testing.assert_array_equal, first, again)


@pytest.mark.parametrize("length", [1, 3, 7])
def test_the_memory_after_the_last_frame_is_there_once_all_outputs_are_read(length):
    system, variables = make_system(0, 2)
    outputs = VideoStream(system, variables, chunk=3, tracks=5)(video(length), SIZE, SCALE)
    assert outputs.memory is None
    for _ in outputs:
        assert outputs.memory is None
    fresh = system.apply(variables, 5, None, method="init_memory")
    assert outputs.memory.count == fresh.count + length


def test_videos_of_one_canvas_share_one_compiled_program():
    system, variables = make_system(1, 1)
    stream = VideoStream(system, variables, chunk=4, tracks=5)
    for length in (1, 4, 5, 11):
        streamed(stream, video(length))
    assert stream._advance._cache_size() == stream._encode._cache_size() == 1
    streamed(stream, video(3, width=16))
    assert stream._advance._cache_size() == 2


def test_a_video_without_frames_has_no_outputs():
    system, variables = make_system(2, 2)
    assert list(VideoStream(system, variables, chunk=3, tracks=5)(iter([]), SIZE, SCALE)) == []


def test_the_state_does_not_grow_with_the_video():
    system, variables = make_system(2, 2)
    stream = VideoStream(system, variables, chunk=2, tracks=5)
    frame = video(1)[0]
    counts = []
    for chunk in stream((frame for _ in range(200)), SIZE, SCALE):
        jax.block_until_ready(chunk.frames)
        counts.append(sum(x.nbytes for x in jax.live_arrays()))
    assert max(counts[50:]) <= max(counts[5:50])


def test_the_memory_may_be_as_large_as_the_features_of_a_frame():
    class Sized(ToySystem):
        def init_memory(self, capacity, features):
            maps = jnp.zeros((capacity, *features["maps"][0].shape), features["maps"][0].dtype)
            return super().init_memory(capacity, features), maps

        def step(self, memory, window):
            memory, maps = memory
            memory, output = super().step(memory, window)
            return (memory, maps + window.features["maps"][0][0]), output

    system = Sized()
    outputs = VideoStream(system, toy_variables(system), chunk=3, tracks=5)(video(4), SIZE, SCALE)
    assert len(list(outputs)) == 2
    assert outputs.memory[1].shape == (5, 2, 2, 3)


@pytest.mark.parametrize("before, after", [(0, 0), (2, 1)])
def test_annotated_objects_reach_the_window_of_their_frame(before, after):
    class Told(ToySystem):
        def step(self, memory, window):
            memory, output = super().step(memory, window)
            truth = window.truth
            return memory, output.replace(boxes=truth.boxes, ids=truth.labels, valid=truth.valid)

    system = Told(window_before=before, window_after=after)
    variables = toy_variables(system)
    for length in (1, 4, 7):
        numbers = np.arange(length * 3).reshape(length, 3).astype(np.int32)
        truth = Instances(
            boxes=np.repeat(numbers[..., None], 4, axis=-1).astype(np.float32),
            labels=numbers,
            identities=numbers,
            masks=None,
            valid=numbers % 3 < 2,
        )
        stream = VideoStream(system, variables, chunk=3, tracks=5)
        got = streamed(functools.partial(stream, truth=truth), video(length))
        for frame, output in enumerate(got):
            np.testing.assert_array_equal(output.ids, numbers[frame])
            np.testing.assert_array_equal(output.boxes, truth.boxes[frame])
            np.testing.assert_array_equal(output.valid, truth.valid[frame])
