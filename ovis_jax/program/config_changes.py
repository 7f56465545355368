"""How the configuration of a run may change when it goes on: not so that its past would differ."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ovis_jax.program.data_places import PLACES, fingerprint_of, used_places

LOGGING = (
    "config.train.log_every",
    "config.train.evaluate_every",
    "config.train.checkpoint_every",
    "config.train.keep_checkpoints",
    "config.train.overlay_every",
    "config.predict.overlay_videos",
)
"""What is written down on the way, which the training does not depend on."""

LOADING = ("config.data.loader",)
"""By what means the same batches are made."""

LENGTH = ("config.train.num_steps", "config.train.num_epochs", "config.train.drops")
"""What the end of a run, and the learning rate, depends on; see `ovis_jax.train`."""

_LATER = {
    "config.data.loader": "auto",
    "config.data.crowds_are_objects": False,
    "config.data.boxes": "file",
    "config.data.clip.num_frames": 2,
    "config.data.clip.mask_frames": 1,
    "config.data.clip.others": "references",
    "config.data.clip.stride": 1.0,
    "config.model.fcos.radius": 1.5,
    "config.model.fcos.regress_ranges": [[-1, 64], [64, 128], [128, 256], [256, 512], [512, 1e8]],
    "config.model.fcos.focal_alpha": 0.25,
    "config.model.fcos.focal_gamma": 2.0,
    "config.model.fcos.nms_iou": 0.5,
    "config.data.clip.in_order": False,
    "config.data.clip.allow_same": False,
    "config.model.backbone.name": "resnet",
    "config.model.occlusion.occluder": False,
    "config.model.occlusion.repulsion": 0.0,
    "config.model.occlusion.aggregation": 0.0,
    "config.model.occlusion.other_sigma": 0.9,
    "config.model.occlusion.pair_sigma": 0.0,
    "config.model.occlusion.level_loss": 0.0,
    "config.model.occlusion.level_channels": 256,
    "config.model.occlusion.level_scores": [1.0, 1.0, 1.0],
    "config.model.occlusion.level_references": 0.0,
    "config.model.linker": "cues",
    "config.model.track.calibrated": False,
    "config.model.box.nms_across_classes": False,
    "config.model.tracker.classes": "majority",
    "config.model.calibration.motion_sharpness": 0.0,
    "config.model.calibration.unit_features": False,
    "config.model.calibration.fusion": "sum",
    "config.model.tracker.score_weight": 1.0,
    "config.model.tracker.iou_weight": 2.0,
    "config.model.tracker.label_weight": 10.0,
    "config.data.augment.sizes": [],
    "config.data.augment.size_ranges": [],
    "config.data.augment.factors": [],
    "config.data.augment.crop.probability": 0.0,
    "config.data.augment.crop.sides": [384, 600],
    "config.data.augment.crop.when": "before",
    "config.data.augment.crop.short_sides": [],
    "config.data.augment.warp.scales": [],
    "config.data.augment.warp.margin": 128,
    "config.data.augment.colors.brightness": 0.0,
    "config.data.augment.colors.contrast": 0.0,
    "config.data.augment.colors.saturation": 0.0,
    "config.data.augment.colors.lighting": 0.0,
    "config.data.inclusive_boxes": True,
    "config.data.resize.fit": "within",
    "config.data.resize.resampling": "opencv",
    "config.data.resize.axis_scales": False,
    "config.train.schedule_power": 0.9,
    "config.train.schedule_final_factor": 0.01,
    "config.train.schedule_after_warmup": False,
    "config.train.delayed.paths": [],
    "config.train.delayed.steps": 0,
    "config.train.delayed.warmup_steps": 0,
    "config.train.second_moment": 0.99,
    "config.train.nesterov": False,
    "config.train.undecayed": [],
    "config.predict.oracle": "",
    "config.model.transformer.dropout": 0.0,
    "config.model.features": "detector",
    "config.model.deeplab.width": 64,
    "config.model.deeplab.output_stride": 16,
    "config.model.deeplab.middle_units": 16,
    "config.model.mask.group_rows": 0,
    "config.model.reid.group_rows": 0,
}
"""Fields that older configurations lack, and the value that says what was done then."""

_EVERYWHERE = ("data", "train")
"""Parts whose fields do not depend on the system."""

_OF_SYSTEM = {"mask_track_rcnn": ("occlusion",)}
"""Parts of `config.model` that all configurations of a system have."""

_OF_ONE_START = {"predict": {"oracle": ""}}
"""Fields by which one start looks at the run differently, and what the run itself has there."""

ABSENT = "absent"
_SAME, _UNUSED = "the same data", "not used"


@dataclasses.dataclass(frozen=True)
class Change:
    """A field whose value is another than before.

    Attributes:
      field: dotted name.
      old: value of the saved configuration, or ABSENT.
      new: likewise, of the present one.
      reason: why it does not matter, for fields that hold paths.
    """

    field: str
    old: Any
    new: Any
    reason: str = ""

    def __str__(self):
        """What a message says of it."""
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.field} is {self.old!r} there and {self.new!r} here{reason}"


@dataclasses.dataclass(frozen=True)
class Changes:
    """How a configuration differs from a saved one.

    Attributes:
      harmless: logging, loading, and paths of data that are the same.
      length: fields of LENGTH, on which the past of a run may depend.
      others: they make it another run.
    """

    harmless: tuple[Change, ...] = ()
    length: tuple[Change, ...] = ()
    others: tuple[Change, ...] = ()


def completed(config: dict) -> dict:
    """An older configuration with the fields of `data`, `train` and its system that it lacks.

    Args:
      config: nested values, which are left as they are.
    """
    config = copy.deepcopy(config)
    for field, value in _LATER.items():
        _, *parts, name = field.split(".")
        if parts[0] in config and (parts[0] in _EVERYWHERE or _of_system(parts, config)):
            section = config
            for part in parts:
                section = section.setdefault(part, {})
            section.setdefault(name, value)
    return config


def _of_system(parts: list[str], config: dict) -> bool:
    """Whether a part such as ["model", "occlusion"] is one that the system of `config` has."""
    own = _OF_SYSTEM.get(config["model"].get("system"), ()) if parts[0] == "model" else ()
    return len(parts) > 1 and parts[1] in own


def of_the_run(config: dict) -> dict:
    """The configuration that a work directory keeps: without what concerns one start alone."""
    own = dict(config)
    for part, fields in _OF_ONE_START.items():
        if part in config:
            own[part] = config[part] | {k: v for k, v in fields.items() if k in config[part]}
    return own


def find_changes(saved: dict, config: dict, fingerprints: Mapping[str, str]) -> Changes:
    """Compares two configurations; reads data whose place is another.

    Args:
      saved: configuration of the work directory.
      config: the present one.
      fingerprints: of data that were read with `saved`, by field; where one is missing, the old
        place is looked at.
    """
    harmless, length, others = [], [], []
    for change in _differences(saved, config):
        place = change.field.removeprefix("config.")
        if change.field in LENGTH:
            length.append(change)
        elif change.field in LOGGING + LOADING:
            harmless.append(change)
        elif place in PLACES:
            moved = _moved(change, place, saved, config, fingerprints)
            (harmless if moved.reason in (_SAME, _UNUSED) else others).append(moved)
        else:
            others.append(change)
    return Changes(tuple(harmless), tuple(length), tuple(others))


def _moved(
    change: Change, place: str, saved: dict, config: dict, fingerprints: Mapping[str, str]
) -> Change:
    """The change of a path, with what is known of the data in both places."""
    used = place in used_places(saved), place in used_places(config)
    if not any(used):
        return dataclasses.replace(change, reason=_UNUSED)
    if not all(used):
        return change
    old = fingerprints.get(place) or fingerprint_of(saved, place)
    new = fingerprint_of(config, place)
    if old is None or new is None:
        where = "here" if new is None else "there"
        return dataclasses.replace(change, reason=f"the data {where} cannot be read to compare")
    return dataclasses.replace(change, reason=_SAME if old == new else "other data")


def _differences(saved: dict, config: dict) -> Iterator[Change]:
    old, new = dict(_fields(saved)), dict(_fields(config))
    for field in sorted(old.keys() | new.keys()):
        before, now = old.get(field, _LATER.get(field, ABSENT)), new.get(field, ABSENT)
        if before != now:
            yield Change(field, before, now)


def _fields(value: Any, name: str = "config") -> Iterator[tuple[str, Any]]:
    """Pairs of dotted name and value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _fields(item, f"{name}.{key}")
    else:
        yield name, value
