"""Data whose evidence is a parameter, at sizes from a check to that of a GPU."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import sys
from collections.abc import Mapping

from experiments.harness.datasets import ANNOTATIONS, IMAGES, QUICKSTART, Dataset, Rates
from ovis_jax.data.shapes.classes import EVIDENCE
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters

DEGRADED = 0.3  # share of the frames
SPEEDS = {
    "slow": 1.5,
    "": 5.0,
    "fast": 12.0,
}  # pixels a frame; references are 5 frames away at most


@dataclasses.dataclass(frozen=True)
class Condition:
    """What the data are like.

    Attributes:
      evidence: see `ShapesParameters`.
      degraded: some frames are.
      speed: of SPEEDS.
    """

    evidence: str
    degraded: bool = False
    speed: str = ""

    @property
    def name(self) -> str:
        """As in "global_degraded_slow"."""
        words = (self.evidence, "degraded" if self.degraded else "", self.speed)
        return "_".join(word for word in words if word)


@dataclasses.dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
      name: as the command line has it.
      videos: of which parts of `ShapesParameters` the data are made.
      detector_steps: training of the detector that all arms start from.
      steps: further training of every arm.
      learning_rate: of the detector; arms go on with half of it.
      window: frames on either side that the arms look at in prediction.
      windows: numbers of such frames that are compared.
      settings: of the configuration of every run.
      rates: what things take, where it was measured.
    """

    name: str
    videos: ShapesParameters
    detector_steps: int
    steps: int
    learning_rate: float
    window: int
    windows: tuple[int, ...]
    settings: Mapping[str, object] = dataclasses.field(default_factory=dict)
    rates: Rates | None = None


CONDITIONS = {
    own.name: own
    for own in (
        Condition(evidence, degraded, speed)
        for speed in SPEEDS
        for evidence in EVIDENCE
        for degraded in (False, True)
    )
}
MAIN = tuple(name for name, own in CONDITIONS.items() if not own.speed)

_FILES = ("annotations_train.json", "annotations_valid.json", "train", "valid")
_COMMON = dict(amodal=True, seed=27)
SIZES = {
    own.name: own
    for own in (
        Size(
            name="tiny",
            videos=ShapesParameters(4, 4, 6, 160, 96, sizes=(24.0, 48.0), pairs=1, **_COMMON),
            detector_steps=2,
            steps=2,
            learning_rate=0.008,
            window=1,
            windows=(0, 1),
            settings={"data.image_scale": "(160, 96)", "train.warmup_steps": 1},
        ),
        Size(
            name="small",
            videos=ShapesParameters(200, 100, 16, sizes=(44.0, 90.0), pairs=2, **_COMMON),
            detector_steps=3000,
            steps=1000,
            learning_rate=0.008,
            window=1,
            windows=(0, 1, 3),
            rates=Rates(1.1, 0.057, 0.018, "one core of a busy CPU, two take half of it"),
        ),
        Size(
            name="upright",
            videos=ShapesParameters(
                200, 100, 16, sizes=(44.0, 90.0), pairs=2, tilt=15.0, **_COMMON
            ),
            detector_steps=8000,
            steps=1000,
            learning_rate=0.008,
            window=1,
            windows=(0, 1, 3),
            rates=Rates(1.1, 0.057, 0.018, "one core of a busy CPU, two take half of it"),
        ),
        Size(
            name="full",
            videos=ShapesParameters(600, 120, 24, sizes=(40.0, 90.0), pairs=3, **_COMMON),
            detector_steps=12000,
            steps=4000,
            learning_rate=0.008,
            window=5,
            windows=(0, 1, 2, 3, 4, 5),
            settings={"train.batch_size": 8, "model.backbone.width": 32},
        ),
    )
}


def evidence_dataset(condition: Condition, size: Size) -> Dataset:
    """Generated data of a condition; conditions show the same scenes, but for speed."""
    videos = dataclasses.replace(
        size.videos,
        evidence=condition.evidence,
        degraded=DEGRADED if condition.degraded else 0.0,
        speed=SPEEDS[condition.speed],
    )
    return Dataset(
        name=condition.name,
        size=f"Occluded Shapes with {condition.evidence} evidence, {videos.pairs} pairs of "
        f"classes, {100 * videos.degraded:.0f} % of frames degraded, {videos.speed:g} pixels a "
        f"frame; {videos.train_videos} training videos and {videos.valid_videos} others of "
        f"{videos.frames} frames",
        training=f"small networks; a detector of {size.detector_steps} steps, from which all arms "
        f"go on for {size.steps} steps",
        folder=f"data/evidence/{size.name}/{condition.name}",
        files={field: [name] for field, name in zip((*ANNOTATIONS, *IMAGES), _FILES, strict=True)},
        patterns=QUICKSTART.patterns,
        names=QUICKSTART.names,
        settings={"model.num_classes": 0, **size.settings},
        rates=size.rates,
        make=functools.partial(_generate, videos),
    )


def _generate(videos: ShapesParameters, folder: pathlib.Path) -> None:
    print(f"# generates {folder}", file=sys.stderr, flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    generate(folder, videos, workers=os.cpu_count() or 1)
