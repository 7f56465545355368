"""The published QueryInst with generated weights, and the recorded set it is laid beside.

All sizes, thresholds and counts come from the records: any set of the same layout can be judged.
"""

import functools

import jax
import numpy as np
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.generated_weights import checked_tensors
from golden_folder import golden_arrays, golden_json

from configs import queryvis_r50_ovis
from ovis_jax.models.build import build_model
from ovis_jax.weights.layouts import roi_linear
from ovis_jax.weights.maps import queryvis
from ovis_jax.weights.maps.parts import affine, resnet_model
from ovis_jax.weights.rules import apply_rules

KINDS = ("vanilla", "query")
TRACK_NAMES = {"vanilla": "track_head", "query": "track_query"}
PYRAMID = ("p2", "p3", "p4", "p5")
ROI_SIZE = 7
# As the records' README suggests: noise grows through the stages, as boxes feed the next RoIs.
PYRAMID_TOLERANCE, STAGE_TOLERANCE = 1e-4, 2e-3
BOX_TOLERANCE = 5e-2
SCORE_TOLERANCE = 2e-4
MASK_PIXELS = 5


def record(name: str, file: str = "frame") -> np.ndarray:
    """A recorded array."""
    return golden_arrays("queryvis", f"{file}.npz")[name]


def settings() -> dict:
    """Seed, sizes and limits."""
    return golden_json("queryvis", "manifest.json")["config"]


def video_frames() -> list[str]:
    """Names of all frames, "v0_t0" and so on, in the order of the resized frames."""
    tracked = golden_json("queryvis", "tracking_vanilla.json")["videos"]
    return [f"{own['video']}_t{frame['frame']}" for own in tracked for frame in own["frames"]]


def tracked_videos(kind: str) -> dict[str, list[dict]]:
    """What the constructed tracker found in each frame, by video."""
    found = golden_json("queryvis", f"tracking_{kind}.json")["videos"]
    return {own["video"]: own["frames"] for own in found}


def num_stages() -> int:
    """Stages of the records."""
    return 1 + max(
        int(name[1]) for name in golden_arrays("queryvis", "frame.npz") if name[0] == "s"
    )


@functools.cache
def state_dict() -> dict[str, np.ndarray]:
    """Tensors under their PyTorch names, with those of both constructed track heads."""
    overrides = golden_arrays("queryvis", "overrides.npz")
    recorded = golden_json("queryvis", "params.json")
    entries = recorded["params"] if isinstance(recorded, dict) else recorded
    return checked_tensors(entries, settings()["seed"], overrides)


def rules(kind: str | None = None, frozen_masks: bool = False) -> dict:
    """Every tensor of the image part, and those of a track head."""
    table = queryvis.rules(resnet_model(50), frozen_masks=frozen_masks)
    if kind == "query":
        return table | queryvis.track_rules(TRACK_NAMES[kind])
    if kind == "vanilla":
        first = affine("track_head.fcs.0", "track/fc0", roi_linear(ROI_SIZE))
        return table | queryvis.track_rules() | first
    return table


def config(kind: str = "vanilla", norm: str = "batch"):
    """The published configuration with the numbers of the records."""
    config = queryvis_r50_ovis.get_config().copy_and_resolve_references()
    config.unlock()
    own, state = settings(), state_dict()
    config.model.num_classes = own["num_classes"]
    config.model.num_stages = num_stages()
    config.model.queries.num_queries = own["num_proposals"]
    config.model.mask.norm = norm
    channels = len(state[f"{TRACK_NAMES[kind]}.fcs.1.bias"])
    config.model.track.update(kind=kind, channels=channels)
    config.model.predictions.score_threshold = own["track_score_thr"]
    config.capacity.detections = own["track_max_per_img"]
    return config


@functools.cache
def published_queryvis(kind: str = "vanilla", norm: str = "batch"):
    """System and variables; the variables are shared by all tests of a process."""
    system, shapes = build_model(config(kind, norm))
    table = rules(kind, norm == "frozen_batch")
    own = {name: state_dict()[name] for name in table}
    return system, apply_rules(own, table, shapes, "generated weights")


def image_system(system):
    """The system with the rule of the published image model: any pairs of query and class."""
    capacity = system.capacity.replace(detections=settings()["max_per_img"])
    return system.clone(capacity=capacity, score_threshold=0.0, single_label=False)


def clip() -> np.ndarray:
    """All frames of both videos, RGB [T, H, W, 3] uint8 on their canvas."""
    return clip_canvases(record("resized_bgr", "inputs"))


def clip_size() -> np.ndarray:
    """Height and width of these frames without padding."""
    return np.float32(record("resized_bgr", "inputs").shape[1:3])


def clip_scale() -> np.ndarray:
    """Resized pixels per original pixel, along x and y."""
    return (clip_size() / np.float32(settings()["ori"]))[::-1]


def thinned(ours, name: str, file: str = "frame") -> np.ndarray:
    """Ours, of which as many numbers are left as the manifest says were recorded."""
    entry = golden_json("queryvis", "manifest.json")["files"][f"{file}.npz"][name]
    assert list(np.shape(ours)) == list(entry["shape"]), name
    if entry["stored"] == "full":
        return np.asarray(ours)
    return np.asarray(ours).reshape(-1)[:: int(entry["stored"].split("::")[1][:-1])]


def assert_recorded(
    ours, name: str, file: str = "frame", tolerance: float = STAGE_TOLERANCE, maps: bool = False
) -> None:
    """Compares with a record, up to a share of its largest value.

    Args:
      ours: in the record's layout or, if `maps`, with channels last where it has them first.
      name: of the array.
      file: that holds it.
      tolerance: share.
      maps: whether ours has to be transposed.
    """
    ours = np.moveaxis(np.asarray(ours), -1, -3) if maps else np.asarray(ours)
    want = record(name, file)
    worst = np.abs(thinned(ours, name, file) - want).max() / np.abs(want).max()
    assert worst <= tolerance, f"{name}: {worst:.2e} of the largest value"


def assert_close_boxes(ours, want) -> None:
    """Boxes up to a part of a pixel."""
    assert np.abs(np.asarray(ours) - want).max() < BOX_TOLERANCE


@functools.cache
def stages_of_all_frames():
    """Pyramids and the outputs of every stage for the frames of both videos, as numpy."""
    system, variables = published_queryvis()

    def everything(system, frames, sizes):
        normalised = system.normalise(frames, sizes)
        stages = system.backbone(normalised)
        pyramid = system.neck(stages)[: len(PYRAMID)]
        outputs = system.refine(pyramid, sizes)
        return normalised[:1], stages, pyramid, outputs, [x.boxes for x in outputs]

    sizes = np.tile(clip_size(), (len(clip()), 1))
    run = jax.jit(functools.partial(system.apply, method=everything))
    return jax.device_get(run(variables, clip(), sizes))
