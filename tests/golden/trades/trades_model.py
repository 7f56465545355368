"""The published TraDeS with generated weights, and the recorded set it is laid beside.

All sizes and counts come from the records: any set of the same layout can be judged.
"""

import functools

import jax
import numpy as np
from golden.comparison import assert_close_map
from golden.generated_weights import checked_tensors
from golden_folder import golden_arrays, golden_json

from configs import trades_dla34_ovis
from ovis_jax.data.transforms import Resizing, frame_geometry
from ovis_jax.models.build import build_model
from ovis_jax.weights.maps import trades
from ovis_jax.weights.rules import apply_rules

SCORE_TOLERANCE = 2e-4
OFFSET_TOLERANCE = 2e-2  # pixels
MASK_PIXELS = 5


def record(name: str, file: str = "frames") -> np.ndarray:
    """A recorded array."""
    return golden_arrays("trades", f"{file}.npz")[name]


def manifest() -> dict:
    """Seed, sizes and the layout of the arrays."""
    return golden_json("trades", "manifest.json")


def tracked_frames() -> list[dict]:
    """What the reference found in each frame of both videos."""
    return golden_json("trades", "tracking.json")["frames"]


def frame_name(frame: dict) -> str:
    """What the arrays of a frame begin with: "v0_t1" and so on."""
    return f"v{frame['video']}_t{frame['frame']}"


@functools.cache
def state_dict() -> dict[str, np.ndarray]:
    """Tensors under their PyTorch names, without those that nothing reads."""
    overrides = golden_arrays("trades", "overrides.npz")
    recorded = golden_json("trades", "params.json")
    tensors = checked_tensors(recorded["params"], manifest()["seed"], overrides)
    return {name: x for name, x in tensors.items() if name in trades.rules()}


def config():
    """The published configuration with the number of classes and the canvas of the records."""
    config = trades_dla34_ovis.get_config().unlock()
    config.model.num_classes = len(golden_arrays("trades", "overrides.npz")["hm.2.bias"])
    height, width = manifest()["network_input"]
    config.data.image_scale = (width, height)
    return config


@functools.cache
def published_trades():
    """System and variables; the variables are shared by all tests of a process."""
    system, shapes = build_model(config())
    return system, apply_rules(state_dict(), trades.rules(), shapes, "generated weights")


def videos() -> list[list[np.ndarray]]:
    """Original frames of both videos, [h, w, 3] uint8 RGB."""
    rgb, second = record("clip_rgb", "inputs"), manifest()["video1"]
    height, width = second["crop"]
    mirrored = [rgb[t][:height, :width][:, ::-1] for t in second["source_frames"]]
    return [list(rgb), mirrored]


def geometry(video: int):
    """How the frames of a video are laid on the canvas."""
    height, width = videos()[video][0].shape[:2]
    sides = tuple(config().data.image_scale)
    return frame_geometry(width, height, Resizing(sides, config().data.pad_multiple, "centered"))


def canvases() -> np.ndarray:
    """All recorded canvases of both videos, RGB [T, H, W, 3] uint8."""
    return record("resized_bgr", "inputs")[..., ::-1]


def thinned(ours, name: str, file: str = "frames") -> np.ndarray:
    """Ours, of which as many numbers are left as the manifest says were recorded."""
    shape, _, stored = manifest()["files"][f"{file}.npz"][name]
    assert list(np.shape(ours)) == shape, name
    if stored == "full":
        return np.asarray(ours)
    return np.asarray(ours).reshape(-1)[:: int(stored.split("::")[1][:-1])]


def assert_recorded(ours, name: str, file: str = "frames", channels_last: bool = True) -> None:
    """Compares with a record, which has channels first and may be thinned out.

    Args:
      ours: [..., H, W, C] where the record is [..., C, H, W], or the record's own layout.
      name: of the array.
      file: that holds it.
      channels_last: whether ours has to be transposed.
    """
    ours = np.asarray(ours)
    if channels_last:
        ours = np.moveaxis(ours, -1, -3)
    own, want = thinned(ours, name, file), record(name, file)
    if want.any():
        assert_close_map(own, want, name)
    else:
        assert not own.any(), name


def apply(method, *arguments):
    """Runs a function of the system, compiled."""
    return _program(method)(published_trades()[1], *arguments)


@functools.cache
def _program(method):
    return jax.jit(functools.partial(published_trades()[0].apply, method=method))
