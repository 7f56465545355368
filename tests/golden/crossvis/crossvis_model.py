"""The published CrossVIS with generated weights, and the recorded set it is laid beside.

All sizes, thresholds and counts come from the records: any set of the same layout can be judged.
"""

import functools

import jax
import numpy as np
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.comparison import assert_close_map
from golden.generated_weights import checked_tensors
from golden_folder import golden_arrays, golden_json

from configs import crossvis_r50_ovis
from ovis_jax.models.build import build_model, build_system
from ovis_jax.models.heads.fcos import STRIDES
from ovis_jax.weights.maps import crossvis
from ovis_jax.weights.rules import apply_rules

LEVELS = ("p3", "p4", "p5", "p6", "p7")
RUNS = ("main", "dense")
VIDEOS = (0, 1)
SCORE_TOLERANCE = 1e-4
SIMILARITY_TOLERANCE = 1e-4
FILES = ("frames", "dense", "train", "ops", "targets", "tracker", "inputs", "overrides")


def record(name: str, file: str = "frames") -> np.ndarray:
    """A recorded array."""
    return golden_arrays("crossvis", f"{file}.npz")[name]


def manifest() -> dict:
    """Seed, sizes, thresholds and the layout of the arrays."""
    return golden_json("crossvis", "manifest.json")


def settings(run: str) -> dict:
    """Thresholds and limits of a run."""
    return manifest()["config"][run]


def tracked_frames(run: str) -> list[dict]:
    """What the reference found in each frame of both videos."""
    return golden_json("crossvis", "tracking.json" if run == "main" else "tracking_dense.json")


def frame_names() -> list[str]:
    """The recorded frames of both videos, "v0_t0" and so on."""
    return [f"v{frame['video']}_t{frame['frame']}" for frame in tracked_frames("main")]


def run_name(run: str, name: str) -> str:
    """What the arrays of a frame begin with in the records of a run."""
    return name if run == "main" else f"dense_{name}"


def run_file(run: str) -> str:
    """The file of a run's arrays."""
    return "frames" if run == "main" else "dense"


def rules() -> dict:
    """Every tensor of the records."""
    return crossvis.rules() | crossvis.identity_rules()


@functools.cache
def state_dict() -> dict[str, np.ndarray]:
    """Tensors under their PyTorch names."""
    overrides = golden_arrays("crossvis", "overrides.npz")
    return checked_tensors(golden_json("crossvis", "params.json"), manifest()["seed"], overrides)


def config():
    """The published configuration with the numbers of classes and identities of the records."""
    config = crossvis_r50_ovis.get_config()
    shapes = {entry["name"]: entry["shape"] for entry in golden_json("crossvis", "params.json")}
    config.model.num_classes = shapes["proposal_generator.fcos_head.cls_logits.bias"][0]
    config.model.num_identities = shapes["cls.bias"][0]
    return config


@functools.cache
def bare_system():
    """The system without variables."""
    return build_system(config())


@functools.cache
def published_crossvis():
    """System and variables; the variables are shared by all tests of a process."""
    system, shapes = build_model(config())
    return system, apply_rules(state_dict(), rules(), shapes, "generated weights")


def system_of(run: str):
    """The system with the thresholds and limits of a run."""
    system, own = bare_system(), settings(run)
    most = max(frame["n_candidates"] for frame in tracked_frames(run))
    capacity = system.capacity.replace(
        level_candidates=own["pre_nms_topk"], candidates=most, detections=own["post_nms_topk"]
    )
    fcos = system.fcos.clone(score_threshold=own["score_threshold"], nms_iou=own["nms_iou"])
    tracker = type(system.tracker)(min_similarity=own["match_threshold"])
    return system.clone(fcos=fcos, capacity=capacity, tracker=tracker)


def resized(video: int) -> np.ndarray:
    """[T, h, w, 3] uint8 BGR, the frames of a video as they were recorded after resizing."""
    return record("resized_bgr" if video == 0 else "resized_bgr_v1", "inputs")


def clip() -> np.ndarray:
    """All frames of both videos, RGB [T, H, W, 3] uint8 on their canvas."""
    return clip_canvases(np.concatenate([resized(video) for video in VIDEOS]))


def clip_size() -> np.ndarray:
    """Height and width of these frames without padding."""
    return np.float32(manifest()["test_size"])


def clip_scale() -> np.ndarray:
    """Resized pixels per original pixel, along x and y."""
    height, width = clip_size()
    return np.float32([width / manifest()["W"], height / manifest()["H"]])


def levels(joined: np.ndarray, pyramid) -> list[np.ndarray]:
    """Splits what stands for all points [..., A, C] into the levels' maps [..., h, w, C]."""
    sizes = [x.shape[-3:-1] for x in pyramid]
    ends = np.cumsum([h * w for h, w in sizes])[:-1]
    parts = np.split(np.asarray(joined), ends, axis=-2)
    return [
        x.reshape(*x.shape[:-2], h, w, x.shape[-1]) for x, (h, w) in zip(parts, sizes, strict=True)
    ]


def point_strides(pyramid) -> np.ndarray:
    """[A, 1], of all points."""
    counts = [x.shape[-3] * x.shape[-2] for x in pyramid]
    return np.repeat(np.float32(STRIDES), counts)[:, None]


def assert_recorded(ours, name: str, file: str = "frames", channels_last: bool = True) -> None:
    """Compares with a record, which has channels first and may be thinned out.

    Args:
      ours: [..., H, W, C] where the record is [..., C, H, W], or the record's own layout.
      name: of the array.
      file: that holds it.
      channels_last: whether ours has to be transposed.
    """
    ours, want = np.asarray(ours), record(name, file)
    if channels_last:
        ours = np.moveaxis(ours, -1, -3)
    assert_close_map(thinned(ours, name, file), want, name)


def thinned(ours, name: str, file: str = "frames") -> np.ndarray:
    """Ours, of which as many numbers are left as the manifest says were recorded."""
    entry = manifest()["files"][file][name]
    assert list(np.shape(ours)) == entry["shape"], name
    if not entry["sub"]:
        return np.asarray(ours)
    return np.asarray(ours).reshape(-1)[:: int(entry["sub"].split("::")[1][:-1])]


def probabilities(logits) -> np.ndarray:
    """Sigmoid in double precision."""
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))


def apply(method, *arguments):
    """Runs a function of the system, compiled."""
    return _program(method)(published_crossvis()[1], *arguments)


@functools.cache
def _program(method):
    return jax.jit(functools.partial(published_crossvis()[0].apply, method=method))
