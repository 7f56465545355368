"""The table of tiny systems: what is promised of every system is tested on each of them.

Every system that can be built stands here; `test_every_system` says so if one does not.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
from flax import linen as nn
from ml_collections import ConfigDict
from models import (
    tiny,
    tiny_crossvis,
    tiny_feelvos,
    tiny_idol,
    tiny_queryvis,
    tiny_sipmask,
    tiny_stem_seg,
    tiny_stmask,
    tiny_trades,
    tiny_videomt,
)

from configs.parts.tracker import track_by_overlap
from ovis_jax.models.build import build_system, init_variables


@dataclasses.dataclass(frozen=True)
class TinySystem:
    """A system small enough for every test.

    Attributes:
      config: its configuration.
      build: a system, and variables with which it finds objects in `random_frames`.
      losses: their names; empty if its losses are those of another system in the table.
      background_losses: those that a frame without objects has.
      parts: of its parameters.
      calibrated: whether it calibrates with the frames around; `config` and `build` then take
        `calibrated=False`.
      jumps: those of `losses` that a box moves in jumps, so that rounding may change them at once.
      bfloat16_cosine: least cosine between its gradients in float32 and bfloat16.
      undisturbed: changes of `config.model` with which these are compared.
    """

    config: Callable[..., ConfigDict]
    build: Callable[..., tuple[nn.Module, dict]]
    losses: frozenset[str] = frozenset()
    background_losses: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    calibrated: bool = False
    jumps: frozenset[str] = frozenset()
    bfloat16_cosine: float = 0.98
    undisturbed: dict = dataclasses.field(default_factory=dict)


def halves(*losses: str) -> list[str]:
    """Losses that have a half for each frame of a pair."""
    return [f"{loss}_{frame}" for loss in losses for frame in ("query", "reference")]


def overlap_config() -> ConfigDict:
    """IoUTracker+, which reads single frames."""
    config = tiny.tiny_config(calibrated=False, reference_window=0).unlock()
    return track_by_overlap(config).lock()


@functools.cache
def overlap_system() -> tuple[nn.Module, dict]:
    """IoUTracker+ and its variables, which are those of MaskTrack R-CNN."""
    system = build_system(overlap_config())
    return system, init_variables(system, jax.random.key(0))


SYSTEMS = {
    "mask_track_rcnn": TinySystem(
        config=tiny.tiny_config,
        build=tiny.tiny_system,
        losses=frozenset({"rpn_class", "rpn_box", "box_class", "box", "mask", "track"}),
        background_losses=frozenset({"rpn_class", "box_class"}),
        parts=frozenset({"backbone", "neck", "rpn", "box", "mask", "track", "calibration"}),
        calibrated=True,
    ),
    "sipmask": TinySystem(
        config=tiny_sipmask.tiny_config,
        build=tiny_sipmask.tiny_system,
        losses=frozenset({"class", "box", "centerness", "mask", "track"}),
        background_losses=frozenset({"class"}),
        parts=frozenset({"backbone", "neck", "fcos", "mask", "track", "calibration"}),
        calibrated=True,
    ),
    "crossvis": TinySystem(
        config=tiny_crossvis.tiny_config,
        build=tiny_crossvis.tiny_system,
        losses=frozenset({"identity", *halves("class", "box", "centerness", "mask", "crossover")}),
        background_losses=frozenset(halves("class")),
        parts=frozenset({"backbone", "neck", "fcos", "mask", "reid", "identity"}),
    ),
    "feelvos": TinySystem(
        config=tiny_feelvos.tiny_config,
        build=tiny_feelvos.tiny_system,
        losses=frozenset(
            {"rpn_class", "rpn_box", "box_class", "box", "mask", "track", "propagation"}
        ),
        background_losses=frozenset({"rpn_class", "box_class"}),
        parts=frozenset(
            {"backbone", "neck", "rpn", "box", "mask", "track", "embedding", "propagation"}
        ),
    ),
    "queryvis": TinySystem(
        config=tiny_queryvis.tiny_config,
        build=tiny_queryvis.tiny_system,
        losses=frozenset({"class", "box", "giou", "mask", "track"}),
        background_losses=frozenset({"class"}),
        parts=frozenset(
            {"backbone", "neck", "queries", "track"}
            | {f"{part}_{number}" for part in ("stages", "masks") for number in range(2)}
        ),
        # Normalised products of features with generated filters, twice in a row, pass rounding on
        # enlarged: parameters that differ by 1e-6 give 0.90 to 0.96, and 1.00 in float32.
        bfloat16_cosine=0.85,
    ),
    "stem_seg": TinySystem(
        config=tiny_stem_seg.tiny_config,
        build=tiny_stem_seg.tiny_system,
        losses=frozenset({"lovasz", "smoothness", "seediness", "semantic", "foreground"}),
        background_losses=frozenset({"semantic", "foreground"}),
        parts=frozenset({"backbone", "neck", "embedding", "semantic"}),
    ),
    "idol": TinySystem(
        config=tiny_idol.tiny_config,
        build=tiny_idol.tiny_system,
        losses=frozenset(
            {"contrast", "cosine"}
            | {
                f"{loss}{layer}"
                for loss in ("class", "box", "giou", "mask", "dice")
                for layer in ("_layer0", "")
            }
        ),
        background_losses=frozenset({"class_layer0", "class"}),
        parts=frozenset({"backbone", "neck", "transformer", "head", "masks"}),
        # Dropout makes one embedding 0.11 long beside others of 0.4: rounding turns it by 4 %, and
        # the gradient of its cosines is as much longer. `test_dropout` tests dropout in bfloat16.
        undisturbed={"transformer": {"dropout": 0.0}},
    ),
    "stmask": TinySystem(
        config=tiny_stmask.tiny_config,
        build=tiny_stmask.tiny_system,
        losses=frozenset(
            {"class", "box", "centerness", "mask", "track", "box_shift", "mask_shift"}
        ),
        parts=frozenset({"backbone", "neck", "anchors", "prototypes", "shift"}),
        # A pixel of the object costs 100 in a cell that the predicted box does not reach.
        jumps=frozenset({"mask"}),
    ),
    "trades": TinySystem(
        config=tiny_trades.tiny_config,
        build=tiny_trades.tiny_system,
        losses=frozenset({"heat", "offset", "size", "mask", "motion_rows", "motion_columns"}),
        background_losses=frozenset({"heat"}),
        parts=frozenset({"backbone", "neck", "motion", "center", "seg"}),
    ),
    "videomt": TinySystem(
        config=tiny_videomt.tiny_config,
        build=tiny_videomt.tiny_system,
        losses=frozenset(
            f"{loss}{when}"
            for loss in ("class", "mask", "dice")
            for when in ("_before_0", "_before_1", "")
        ),
        background_losses=frozenset({"class_before_0", "class_before_1", "class"}),
        parts=frozenset({"encoder", "head"}),
    ),
    "ioutracker_plus": TinySystem(config=overlap_config, build=overlap_system),
}
TRAINED = [name for name, system in SYSTEMS.items() if system.losses]
CALIBRATED = [name for name, system in SYSTEMS.items() if system.calibrated]
