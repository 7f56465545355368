"""The published SipMask with generated weights, and the recorded set it is laid beside.

All sizes come from the records: any set of the same layout can be judged.
"""

import functools

import jax
import numpy as np
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.comparison import MASK_PIXELS, assert_close_map, differing_pixels
from golden.generated_weights import checked_tensors
from golden_folder import golden_arrays, golden_json

from configs import csipmask_r50_ovis, sipmask_r50_ovis
from ovis_jax.models.build import build_model
from ovis_jax.tracking.paste import paste_mask, pixel_boxes
from ovis_jax.weights.layouts import convolution
from ovis_jax.weights.maps import sipmask
from ovis_jax.weights.maps.parts import affine
from ovis_jax.weights.rules import Rule, apply_rules

LEVELS = ("p3", "p4", "p5", "p6", "p7")
MIRRORED = (2, 5)  # clip frames of video 1
SCORE_TOLERANCE = 1e-4
SUBSAMPLING, SUBSAMPLED_ABOVE = 17, 2048


def record(name: str, file: str = "frames.npz") -> np.ndarray:
    """A recorded array."""
    return golden_arrays("sipmask", file)[name]


def state_dict(extra: list[dict] | None = None) -> dict[str, np.ndarray]:
    """Tensors under their PyTorch names."""
    recorded = golden_json("sipmask", "params.json")
    return checked_tensors(recorded["params"] + (extra or []), recorded["seed"])


@functools.cache
def published_sipmask():
    """System and variables; the variables are shared by all tests of a process."""
    system, shapes = build_model(sipmask_r50_ovis.get_config())
    return system, apply_rules(state_dict(), sipmask.rules(), shapes, "generated weights")


@functools.cache
def calibrated_sipmask():
    """The same with the generated calibration."""
    system, shapes = build_model(csipmask_r50_ovis.get_config())
    extra = golden_json("sipmask", "csipmask/csipmask.json")["params"]
    state = state_dict(extra)
    rules = affine("tfc.conv_offset", "calibration/offset", convolution)
    for i in range(3):
        rules |= affine(f"tfc.offset_convs.{i}.conv", f"calibration/offset_convs_{i}", convolution)
    rules["tfc.dconv_featureflow.weight"] = Rule("params/calibration/align/kernel", convolution)
    return system, apply_rules(state, sipmask.rules() | rules, shapes, "generated weights")


def frame_names() -> list[str]:
    """The recorded frames of both videos, "v0_t0" and so on."""
    videos = [frame["video"] for frame in tracked_frames("run10")]
    return [f"v{video}_t{t}" for video in (0, 1) for t in range(videos.count(video))]


def tracked_frames(run: str) -> list[dict]:
    """What the reference found in each frame of both videos."""
    return golden_json("sipmask", f"tracking_{run}.json")["frames"]


def clip() -> np.ndarray:
    """All frames of both videos, RGB [T, H, W, 3] uint8."""
    return clip_canvases(record("resized_bgr", "inputs.npz"))


def clip_sizes() -> np.ndarray:
    """[T, 2], height and width of these frames without padding."""
    resized = record("resized_bgr", "inputs.npz")
    return np.tile(resized.shape[1:3], (len(resized), 1))


def clip_scale() -> np.float32:
    """Resized pixels per original pixel."""
    return np.float32(golden_json("sipmask", "tracking_run10.json")["meta"]["scale_factor"])


def image_scale() -> tuple[int, int]:
    """Longer and shorter side that the frames were resized to fit into."""
    return tuple(golden_json("sipmask", "manifest.json")["config"]["scale"])


def apply(method, *arguments, model=published_sipmask):
    """Runs a method of the system, or a function of it, compiled."""
    return _program(method, model)(model()[1], *arguments)


@functools.cache
def _program(method, model):
    system, _ = model()
    return jax.jit(functools.partial(system.apply, method=method))


def levels(joined: np.ndarray, pyramid) -> list[np.ndarray]:
    """Splits what stands for all points [A, C] into the levels' maps [h, w, C]."""
    sizes = [x.shape[-3:-1] for x in pyramid]
    ends = np.cumsum([h * w for h, w in sizes])[:-1]
    parts = np.split(np.asarray(joined), ends)
    return [x.reshape(h, w, -1) for x, (h, w) in zip(parts, sizes, strict=True)]


def assert_recorded(ours, want: np.ndarray, channels_last: bool = True) -> None:
    """Compares with a record, which has channels first and may be thinned out.

    Args:
      ours: [H, W, C] where the record is [C, H, W], or the record's own layout.
      want: the record.
      channels_last: whether ours has to be transposed.
    """
    ours = np.asarray(ours)
    if channels_last:
        ours = np.moveaxis(ours, -1, -3)
    assert_close_map(thinned(ours, want), want)


def thinned(ours, want: np.ndarray) -> np.ndarray:
    """Ours, of which as many numbers are left as were recorded of a large array."""
    ours = np.asarray(ours)
    if ours.shape != want.shape:
        assert ours.size > SUBSAMPLED_ABOVE
        ours = ours.reshape(-1)[::SUBSAMPLING]
    assert ours.shape == want.shape
    return ours


def assert_recorded_mask(logits: np.ndarray, box: np.ndarray, recorded: dict) -> None:
    """Pastes a mask, given as logits on a grid over `box` of the original frame; compares it."""
    mask = paste_mask(logits, pixel_boxes(box[None], clip_scale())[0], *recorded["size"])
    assert differing_pixels(mask, recorded) <= MASK_PIXELS
