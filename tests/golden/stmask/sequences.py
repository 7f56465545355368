"""The recorded sequences, computed from the maps of all frames: detections, memory and output."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from golden.stmask.stmask_model import (
    TRACKS,
    canvases,
    clip_scale,
    clip_size,
    frames_of,
    recorded,
    system_of,
)
from golden.stmask.test_frame import VIDEOS, maps_of, stages_of_all_frames

from ovis_jax.models.systems.stmask import EncodedFrame
from ovis_jax.structures import Window


@functools.cache
def detections(run: str):
    """Detections [F, D, ...] of the frames of both videos, and their anchors [F, D]."""
    system, variables = system_of(run)
    predicted = stages_of_all_frames()[0]["predicted"]
    if run == "ada":
        predicted = predicted.replace(maps=maps_of("ada"))
    return jax.device_get(
        jax.jit(lambda v, x: system.apply(v, x, method="detections"))(variables, predicted)
    )


def frame_numbers(run: str, video: str) -> np.ndarray:
    """Where the frames of a video of a run stand among the frames of both videos."""
    if video == "v2":
        return 3 + np.array(frames_of(run, video))
    start = sum(len(canvases(v)) for v in VIDEOS[: VIDEOS.index(video)])
    return start + np.array(frames_of(run, video))


def encoded(run: str, video: str) -> EncodedFrame:
    """Encoded frames of a video; where the records say so all detections are thrown away."""
    numbers, found = frame_numbers(run, video), detections(run)[0]
    predicted = stages_of_all_frames()[0]["predicted"]
    own = jax.tree.map(lambda x: x[numbers], (found, predicted.prototypes, predicted.shift))
    names = [f"{video}_t{t}/det_boxes" for t in range(len(numbers))]
    thrown = [not recorded(name, f"sequence_{run}") for name in names]
    valid = own[0].valid & ~np.array(thrown)[:, None]
    return EncodedFrame(own[0].replace(valid=valid), *own[1:])


def trace(system, memory, before, own, window):
    """One step, and what is recorded of it on the way."""
    moved = system.moved(memory, before.shift, own.shift)
    after, output = system.linked(moved, own, window)
    _, ids = system.tracker.link(moved, own.detections, system.affinities(moved, own))
    joined = system.shift.joined(*jax.tree.map(lambda x: x[None], (before.shift, own.shift)))
    return after, {
        "moved": moved,
        "moved_masks": system.draw(moved, own.prototypes),
        "affinities": system.affinities(moved, own),
        "ids": ids,
        "joined": joined[0],
        "regions": system.shift.pool(joined, memory.boxes[None, :3])[0],
        "memory": after,
        "masks": system.draw(after, own.prototypes),
        "output": output,
    }


@functools.cache
def _step(run: str):
    """A compiled `trace`, of a memory and two encoded frames with a leading axis."""
    system, variables = system_of(run)
    size, scale = jnp.float32(clip_size()), jnp.float32(clip_scale())

    def step(memory, frames, known):
        window = Window(frames, jnp.stack([known, True]), size, scale)
        before, own = (jax.tree.map(lambda x, i=i: x[i], frames) for i in (0, 1))
        return system.apply(variables, memory, before, own, window, method=trace)

    return system.apply(variables, TRACKS, None, method="init_memory"), jax.jit(step)


@functools.cache
def sequence(run: str, video: str) -> dict:
    """What `trace` gives for all frames of a video, with a leading axis of frames."""
    memory, step = _step("pc" if run == "ada" else run)  # "ada" differs in its detections alone
    frames, found = encoded(run, video), []
    for t in range(len(frames.prototypes)):
        both = jax.tree.map(lambda x, t=t: x[np.array([max(t - 1, 0), t])], frames)
        memory, own = step(memory, both, t > 0)
        found.append(jax.device_get(own))
    return jax.tree.map(lambda *x: np.stack(x), *found)
