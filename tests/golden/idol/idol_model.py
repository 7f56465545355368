"""The published IDOL with generated weights, and the recorded set it is laid beside.

All sizes, thresholds and counts come from the records: any set of the same layout can be judged.
"""

import functools
import zlib

import numpy as np
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.generated_weights import checked_tensors
from golden_folder import golden_arrays, golden_json

from configs import idol_r50_ovis
from ovis_jax.models.build import build_model, build_system
from ovis_jax.weights.maps import idol
from ovis_jax.weights.rules import apply_rules

MAP_TOLERANCE = 2e-4  # of the recorded map's largest value
BOX_TOLERANCE = 2e-2  # pixels
SCORE_TOLERANCE = 2e-4
SIMILARITY_TOLERANCE = 5e-4
MASK_PIXELS = 30
QUERIES = "detr.detr.query_embed.weight"
COPIES, FIRST_COPY, STEP, OWN_SHARE = 20, 280, 14, np.float32(0.05)


def record(name: str, file: str = "frames") -> np.ndarray:
    """A recorded array."""
    return golden_arrays("idol", f"{file}.npz")[name]


def settings() -> dict:
    """Sizes and thresholds of the records."""
    return golden_json("idol", "manifest.json")["config"]


def tracked_frames() -> list[list[dict]]:
    """What the reference found in each frame of each video."""
    return [video["frames"] for video in golden_json("idol", "tracking.json")]


@functools.cache
def state_dict() -> dict[str, np.ndarray]:
    """Tensors under their PyTorch names."""
    recorded = golden_json("idol", "params.json")
    seed = settings()["seed"]
    special = {QUERIES: _queries(recorded["tensors"], seed)}
    return checked_tensors(
        recorded["tensors"], seed, {**golden_arrays("idol", "overrides.npz"), **special}
    )


def _queries(entries: list[dict], seed: int) -> np.ndarray:
    """Learned queries; the last are near copies of others, so that boxes are suppressed."""
    (shape,) = (entry["shape"] for entry in entries if entry["name"] == QUERIES)
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(QUERIES.encode()) + seed))
    rows = generator.standard_normal(shape, dtype=np.float32)
    for i in range(COPIES):
        rows[FIRST_COPY + i] = rows[STEP * i] + OWN_SHARE * rows[FIRST_COPY + i]
    return rows


def config():
    """The published configuration with the numbers of the records."""
    own = settings()
    config = idol_r50_ovis.get_config().copy_and_resolve_references().unlock()
    config.capacity.detections = own["num_queries"]
    config.model.num_classes = own["num_classes"]
    config.model.transformer.dropout = 0.0  # of the recorded losses
    config.model.selection.update(
        score_threshold=own["score_threshold"], box_nms=own["box_nms"], mask_nms=own["mask_nms"]
    )
    config.model.predictions.update(class_threshold=own["class_mean_threshold"], zero_masks=True)
    config.model.tracker.update(
        min_similarity=own["match"],
        new_score=own["new_track"],
        first_score=own["init_track"],
        length=own["memory_length"],
        max_age=own["memory_age"],
    )
    config.model.tracker.short_tracks.update(
        min_frames=own["cleanup_hits"], first_frame=own["cleanup_from_frame"]
    )
    return config.lock()


@functools.cache
def bare_system():
    """The system without variables."""
    return build_system(config())


def rules() -> dict:
    """Every tensor of the records."""
    return idol.rules(config().model)


@functools.cache
def published_idol():
    """System and variables; the variables are shared by all tests of a process."""
    system, shapes = build_model(config())
    return system, apply_rules(state_dict(), rules(), shapes, "generated weights")


def resized(video: int) -> np.ndarray:
    """[T, h, w, 3] uint8 RGB, the frames of a video as they were recorded after resizing."""
    if video == 0:
        return record("resized_rgb", "inputs")[record("video0", "inputs")]
    return record("video1_resized_rgb", "inputs")


def canvases(video: int) -> np.ndarray:
    """The frames of a video on their canvas, [T, H, W, 3] uint8."""
    return clip_canvases(resized(video)[..., ::-1])


def frame_size() -> np.ndarray:
    """Height and width of these frames without padding."""
    return np.float32([settings()["h"], settings()["w"]])


def frame_scale() -> np.ndarray:
    """Resized pixels per original pixel, along x and y."""
    own = settings()
    return np.float32([own["w"] / own["W"], own["h"] / own["H"]])


def thinned(ours, name: str, file: str = "frames") -> np.ndarray:
    """Ours, of which as many numbers are left as the manifest says were recorded."""
    entry = golden_json("idol", "manifest.json")["arrays"][f"{file}.npz"][name]
    ours = np.asarray(ours)
    assert list(ours.shape) == list(entry["shape"]), name
    if not entry["stored"].startswith("flat"):
        return ours
    return ours.reshape(-1)[:: int(entry["stored"].split("::")[1][:-1])]


def assert_recorded(ours, name: str, file: str = "frames", channels_last: bool = False) -> None:
    """Compares with a record, which may be thinned out.

    Args:
      ours: in the record's own layout, or with channels last where the record has them first.
      name: of the array.
      file: that holds it.
      channels_last: whether ours has to be transposed.
    """
    ours, want = np.asarray(ours), record(name, file)
    ours = thinned(np.moveaxis(ours, -1, 0) if channels_last else ours, name, file)
    worst = np.abs(ours - want).max() / np.abs(want).max()
    assert worst <= MAP_TOLERANCE, f"{name}: {worst:.2e} of the largest value"
