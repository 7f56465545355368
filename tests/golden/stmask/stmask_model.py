"""The published STMask with generated weights, and the recorded set it is laid beside.

All sizes and counts come from the records: any set of the same layout can be judged.
"""

import functools

import jax
import numpy as np
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.comparison import assert_close_map
from golden.generated_weights import checked_tensors
from golden_folder import golden_arrays, golden_json

from configs import stmask_r50_ovis
from ovis_jax.models.build import build_model
from ovis_jax.weights.maps import stmask
from ovis_jax.weights.rules import apply_rules

SUPPRESSIONS = {"cc": "across_classes", "pc": "per_class", "ada": "per_class"}
RUNS = tuple(SUPPRESSIONS)
MOST = {"cc": 200, "pc": 100, "ada": 100}  # detections of a frame
TRACKS = 256
LEVELS = ("p3", "p4", "p5", "p6", "p7")


def record(name: str, file: str = "frames") -> np.ndarray:
    """A recorded array."""
    return golden_arrays("stmask", f"{file}.npz")[name]


def manifest() -> dict:
    """Seed, sizes and the layout of the arrays."""
    return golden_json("stmask", "manifest.json")


def settings() -> dict:
    """Sizes of the clip."""
    return manifest()["config"]


def counts(run: str) -> list[dict]:
    """What was counted in each frame of a run, by name."""
    own = manifest()["counts"][run]
    return [dict(zip(own["columns"], row, strict=True)) for row in own["rows"]]


def frames_of(run: str, video: str) -> list[int]:
    """Frames of a video that a run has."""
    return [row["frame"] for row in counts(run) if row["video"] == video]


def videos_of(run: str) -> list[str]:
    """Videos of a run, in their order."""
    return list(dict.fromkeys(row["video"] for row in counts(run)))


def file_of(run: str) -> str:
    """The file of a run's arrays."""
    return f"sequence_{run}"


def thinned(ours, name: str, file: str) -> np.ndarray:
    """Ours, of which as many numbers are left as were recorded."""
    entry = manifest()["files"][f"{file}.npz"][name]
    assert list(np.shape(ours)) == entry["shape"], f"{name}: {np.shape(ours)} {entry['shape']}"
    if entry["stored"] == "full":
        return np.asarray(ours)
    return np.asarray(ours).reshape(-1)[:: int(entry["stored"].split("::")[1][:-1])]


def recorded(name: str, file: str = "frames") -> bool:
    """Whether there is such an array."""
    return name in manifest()["files"][f"{file}.npz"]


def assert_recorded(ours, name: str, file: str = "frames") -> None:
    """Compares with a recorded array in its own layout."""
    assert_close_map(thinned(ours, name, file), record(name, file), f"{file} {name}")


def channels_first(x) -> np.ndarray:
    """[..., H, W, C] as [..., C, H, W]."""
    return np.moveaxis(np.asarray(x), -1, -3)


def config(alignment: str = "none"):
    """The published configuration with the number of classes of the records."""
    config = stmask_r50_ovis.get_config()
    shapes = {entry["name"]: entry["shape"] for entry in parameters()["params"]}
    config.model.num_classes = shapes[f"{stmask.HEAD}.conf_layer.0.bias"][0] - 1
    config.model.anchors.class_alignment = alignment
    return config


def parameters() -> dict:
    """How every tensor is made."""
    return golden_json("stmask", "params.json")


@functools.cache
def state_dict(alignment: str = "none") -> dict[str, np.ndarray]:
    """Tensors under their PyTorch names."""
    known, seed = dict(golden_arrays("stmask", "overrides.npz")), settings()["seed"]
    if alignment == "ali":
        known |= {k.removeprefix("ali:"): x for k, x in known.items() if k.startswith("ali:")}
    state = dict(_plain_state())
    if alignment == "none":
        return state
    state = {name: x for name, x in state.items() if ".conf_layer." not in name}
    own = parameters()["params_ada_conf"]
    if alignment == "ali":  # made as those of "ada", but without offsets and with other biases
        own = [entry for entry in own if "conv_offset" not in entry["name"]]
        biases = {e["name"]: known[e["name"]] for e in own if e["name"].endswith("bias")}
        own = [entry for entry in own if entry["name"] not in biases]
        return state | checked_tensors(own, seed, known) | biases
    return state | checked_tensors(own, seed, known)


@functools.cache
def _plain_state() -> dict[str, np.ndarray]:
    overrides = golden_arrays("stmask", "overrides.npz")
    return checked_tensors(parameters()["params"], settings()["seed"], overrides)


@functools.cache
def published_stmask(alignment: str = "none"):
    """System and variables; the variables are shared by all tests of a process."""
    own = config(alignment)
    system, shapes = build_model(own)
    state, rules = state_dict(alignment), stmask.rules(own.model)
    return system, apply_rules(state, rules, shapes, "generated weights")


@functools.cache
def system_of(run: str):
    """The system with the suppression and limits of a run, and its variables."""
    system, variables = published_stmask("ada" if run == "ada" else "none")
    capacity = system.capacity.replace(detections=MOST[run])
    return system.clone(suppression=SUPPRESSIONS[run], capacity=capacity), variables


def resized(video: str) -> np.ndarray:
    """[T, h, w, 3] uint8 BGR, the frames of a video after resizing."""
    if video == "v2":
        return record("resized_bgr_v0", "inputs")[3:8]
    return record(f"resized_bgr_{video}", "inputs")


def canvases(video: str) -> np.ndarray:
    """Frames of a video, RGB [T, H, W, 3] uint8 on their canvas."""
    return np.asarray(clip_canvases(resized(video)))


def clip_size() -> tuple[int, int]:
    """Height and width of the frames without padding."""
    width, height = settings()["scale"]
    return height, width


def clip_scale() -> tuple[float, float]:
    """Resized pixels per original pixel, along x and y."""
    height, width = clip_size()
    return width / settings()["W"], height / settings()["H"]


def apply(alignment: str, method, *arguments):
    """Runs a function of the system, compiled."""
    return _program(alignment, method)(published_stmask(alignment)[1], *arguments)


@functools.cache
def _program(alignment, method):
    return jax.jit(functools.partial(published_stmask(alignment)[0].apply, method=method))
