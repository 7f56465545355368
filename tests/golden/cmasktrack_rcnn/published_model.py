"""The published CMaskTrack R-CNN with generated weights, and the recorded set it is laid beside.

All sizes come from the set's manifest: any set of the same layout can be judged.
"""

import functools

import jax
import numpy as np
from golden.generated_weights import golden_variables
from golden_folder import golden_arrays, golden_json

from configs import cmasktrack_rcnn_r50_ovis
from ovis_jax.models.build import build_model

MIRRORED_START = 3  # clip frame with which the videos v1 and v1fix begin
VIDEOS = ("v0", "v1", "v1fix", "v2")
VIDEO_IDS = {"v0": 1, "v1fix": 2}  # in results_intended.json


@functools.cache
def published_model():
    """System and variables; the variables are shared by all tests of a process."""
    system, shapes = build_model(cmasktrack_rcnn_r50_ovis.get_config())
    return system, golden_variables(shapes)


@functools.cache
def small_model():
    """The same with as few slots for detections as the recorded videos need, which saves time."""
    system, variables = published_model()
    frames = [frame for video in recorded_videos() for frame in tracking(video)]
    most = max(len(frame["detections"]) for frame in frames)
    return system.clone(capacity=system.capacity.replace(detections=most)), variables


def apply(method, *arguments):
    """Runs a method of the system, or a function of it, compiled."""
    return _program(method)(published_model()[1], *arguments)


@functools.cache
def _program(method):
    system, _ = published_model()
    return jax.jit(functools.partial(system.apply, method=method))


def clip_canvases(resized_bgr: np.ndarray) -> np.ndarray:
    """Zero-padded RGB frames of resized BGR frames [..., h, w, 3], uint8."""
    height, width = resized_bgr.shape[-3:-1]
    pad = [(0, 0)] * (resized_bgr.ndim - 3) + [(0, -height % 32), (0, -width % 32), (0, 0)]
    return np.pad(resized_bgr[..., ::-1], pad)


def clip() -> np.ndarray:
    """The resized golden clip [T, h, w, 3], uint8 BGR."""
    return golden_arrays("cmasktrack_rcnn", "inputs.npz")["resized_bgr"]


def clip_setting() -> dict:
    """Seed and sizes of the recorded set."""
    return golden_json("cmasktrack_rcnn", "manifest.json")["set"]


def tracking(video: str) -> list[dict]:
    """What the reference found in each frame of a video."""
    return golden_json("cmasktrack_rcnn", "tracking.json")[video]


def recorded_videos() -> list[str]:
    """Those that the set holds."""
    return [video for video in VIDEOS if video in golden_json("cmasktrack_rcnn", "tracking.json")]


def video_frames(video: str) -> np.ndarray:
    """[T, H, W, 3] uint8 RGB of a recorded video, in original size."""
    frames, length = (
        golden_arrays("cmasktrack_rcnn", "inputs.npz")["clip_rgb"],
        len(tracking(video)),
    )
    if video in ("v1", "v1fix"):
        return frames[MIRRORED_START : MIRRORED_START + length, :, ::-1]
    return frames[:length]
