"""The published STEm-Seg with generated weights, and the recorded set it is laid beside.

All sizes and counts come from the records: any set of the same layout can be judged.
"""

import functools
import zlib

import jax
import numpy as np
from golden.generated_weights import checked_tensors
from golden_folder import golden_arrays, golden_json

from configs import stem_seg_r50_ovis
from ovis_jax.data.transforms import Resizing, frame_geometry
from ovis_jax.models.build import build_model
from ovis_jax.ops.resize import bilinear_weights
from ovis_jax.weights.maps import stem_seg
from ovis_jax.weights.rules import convert_state

MAP_TOLERANCE = 1e-4  # of the largest value
VARIANTS = {"quarter": 4, "full": 1}  # and their stride


def record(name: str, file: str) -> np.ndarray:
    """A recorded array."""
    return golden_arrays("stem_seg", f"{file}.npz")[name]


def settings() -> dict:
    """Seed, sizes and limits."""
    return golden_json("stem_seg", "manifest.json")["config"]


def params() -> list[dict]:
    """What is recorded of each tensor."""
    recorded = golden_json("stem_seg", "params.json")
    return recorded if isinstance(recorded, list) else recorded["params"]


@functools.cache
def state_dict() -> dict[str, np.ndarray]:
    """Tensors under their PyTorch names."""
    constants = {
        entry["name"]: stem_seg.UNREAD[entry["name"]].reshape(entry["shape"])
        for entry in params()
        if entry["name"] in stem_seg.UNREAD
    }
    for entry in params():
        if entry["name"] in constants:
            assert zlib.crc32(constants[entry["name"]].tobytes()) == entry["crc32"]
    entries = [entry for entry in params() if entry["name"] not in constants]
    overrides = golden_arrays("stem_seg", "overrides.npz")
    return checked_tensors(entries, settings()["seed"], overrides) | constants


def config(variant: str = "quarter", **model):
    """The published configuration with the numbers of the records."""
    config = stem_seg_r50_ovis.get_config().copy_and_resolve_references().unlock()
    own = settings()
    config.data.image_scale = (own["MAX_DIM"], own["MIN_DIM"])
    rules = own["clustering"]
    config.model.update(
        num_classes=own["num_classes_with_background"] - 1,
        cluster_stride=VARIANTS[variant],
        max_tracks=own["max_tracks"],
        shifted_targets=True,
    )
    config.model.clips.update(num_frames=own["frames_per_clip"], overlap=own["overlap"])
    config.model.clustering.update(
        max_clusters=rules["max_instances"],
        min_seediness=rules["MIN_SEEDINESS_PROB"],
        threshold=rules["PRIMARY_PROB_THRESHOLD"],
        second_threshold=rules["SECONDARY_PROB_THRESHOLD"],
    )
    config.model.update(model)
    return config


@functools.cache
def published_stem_seg(variant: str = "quarter"):
    """System and variables; the variables are shared by all tests of a process."""
    system, shapes = build_model(config(variant))
    if variant != "quarter":
        return system, published_stem_seg()[1]
    name_map = stem_seg.name_map(config().model)
    return system, convert_state(state_dict(), name_map, shapes, "generated").complete(shapes)


def videos() -> list[np.ndarray]:
    """Original frames of both videos, [T, h, w, 3] uint8 RGB."""
    rgb = record("clip_rgb", "inputs")
    return [rgb, rgb[settings()["video1_frames"], :, ::-1]]


def tracked(variant: str, video: int) -> dict:
    """Clusters, seams and tracks of a video."""
    return golden_json("stem_seg", "tracking.json")[f"{variant}/v{video}"]


def clip_frames(video: int) -> list[list[int]]:
    """Frames of the positions of every clip of a video."""
    return tracked("quarter", video)["clips"]


def geometry():
    """How the frames are resized."""
    height, width = videos()[0].shape[1:3]
    data = config().data
    sides = tuple(data.image_scale)
    resizing = Resizing(sides, data.pad_multiple, **data.resize)
    return frame_geometry(width, height, resizing)


def network_input(frames: np.ndarray) -> np.ndarray:
    """Normalised frames [T, H, W, 3] float32 RGB of original ones [T, h, w, 3].

    The published code does not round what it resizes; this package does, and its frames are bytes.
    """
    laid, data = geometry(), config().data
    rows = bilinear_weights(frames.shape[1], laid.height)
    columns = bilinear_weights(frames.shape[2], laid.width)
    resized = np.einsum("ih,jw,thwc->tijc", rows, columns, frames, optimize=True)
    normalised = (resized - np.array(data.mean)) / np.array(data.std)
    pads = [(0, laid.canvas_height - laid.height), (0, laid.canvas_width - laid.width)]
    return np.pad(normalised, [(0, 0), *pads, (0, 0)]).astype(np.float32)


def assert_recorded(ours, name: str, file: str, maps: bool = True) -> None:
    """Compares with a record by the largest value.

    Args:
      ours: [..., C], where the record has channels first; or, without `maps`, in its layout.
      name: of the array.
      file: that holds it.
      maps: whether ours has to be transposed.
    """
    entry = golden_json("stem_seg", "manifest.json")["arrays"][f"{file}:{name}"]
    ours = np.moveaxis(np.asarray(ours), -1, 0) if maps else np.asarray(ours)
    assert list(ours.shape) == entry["shape"], name
    if entry["stored"] != "full":
        ours = ours.reshape(-1)[:: int(entry["stored"].split("::")[1][:-1])]
    want = record(name, file)
    worst = np.abs(ours - want).max() / np.abs(want).max()
    assert worst <= MAP_TOLERANCE, f"{name}: {worst:.2e} of the largest value"


@functools.cache
def pyramids() -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """C2...C5 and P2...P5 of the frames of both videos, [T, h, w, C] each."""
    system, variables = published_stem_seg()

    def run(system, frames):
        stages = system.backbone(frames)
        return stages, system.neck(stages)[:4]

    program = jax.jit(functools.partial(system.apply, method=run))
    chunk, found = 4, []
    for frames in videos():
        frames = network_input(frames)
        parts = []
        for i in range(0, len(frames), chunk):
            own = frames[i : i + chunk]
            padded = np.pad(own, [(0, chunk - len(own)), (0, 0), (0, 0), (0, 0)])
            parts.append(jax.device_get(program(variables, padded)))
        count = len(frames)
        found.append(jax.tree.map(lambda *x, n=count: np.concatenate(x)[:n], *parts))
    return found
