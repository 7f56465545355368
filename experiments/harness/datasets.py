"""The data sets that experiments run on: their files and their configurations."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable, Collection, Mapping, Sequence

from ovis_jax.formats.errors import InputError
from ovis_jax.program.configurations import configuration_names

ANNOTATIONS = ("data.train_annotations", "data.eval_annotations")
IMAGES = ("data.train_images", "data.eval_images")
STILLS = ("data.pseudo_video.annotations", "data.pseudo_video.images")
NUM_STILLS = 1000


@dataclasses.dataclass(frozen=True)
class Rates:
    """What things take.

    Attributes:
      step: seconds of a training step.
      frame: seconds of a predicted frame.
      reference: seconds more of it for each reference frame.
      machine: that they were measured on.
    """

    step: float
    frame: float
    reference: float
    machine: str


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What `--dataset` chooses.

    Attributes:
      name: of the choice.
      size: of the data; stands in reports.
      training: what its runs are like; the same.
      folder: where the data are unless `--data-dir` says otherwise.
      files: for each field of ANNOTATIONS and IMAGES the places below the folder where the official
        layouts have it, the usual one first; for each of STILLS one beside the folder.
      patterns: names that the configuration of a system may have, the first choice first; {system}
        stands for it.
      names: configurations that are called otherwise, by system.
      settings: values of further configuration fields.
      words: what stands for {NAME} in the overrides of a run.
      of_paper: the paper's numbers are of this data set.
      rates: what training and prediction take, where it was measured.
      make: generates the videos into a folder where they are missing; None: they must be there.
    """

    name: str
    size: str
    training: str
    folder: str
    files: Mapping[str, Sequence[str]]
    patterns: Sequence[str] = ("{system}_r50_ovis",)
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, object] = dataclasses.field(default_factory=dict)
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)
    of_paper: bool = False
    rates: Rates | None = None
    make: Callable[[pathlib.Path], None] | None = None

    def configuration(self, system: str) -> str:
        """Name of the configuration of a system; it may not exist yet."""
        names = [self.names.get(system, own.format(system=system)) for own in self.patterns]
        known = configuration_names()
        return next((name for name in names if name in known), names[-1])

    def places(self, folder: pathlib.Path | None) -> dict[str, str]:
        """The paths of all files, by configuration field.

        Args:
          folder: with the official layout; None for the usual one.
        """
        root = pathlib.Path(self.folder) if folder is None else folder
        return {field: os.path.normpath(_first(root, names)) for field, names in self.files.items()}

    def prepare(self, folder: pathlib.Path | None, fields: Collection[str]) -> None:
        """Generates the data if they are missing and can be generated; else looks for them.

        Args:
          folder: as for `places`.
          fields: configuration fields of what is needed.

        Raises:
          InputError: a file or folder is missing.
        """
        places = self.places(folder)
        missing = [own for own in fields if not pathlib.Path(places[own]).exists()]
        if not missing:
            return
        if self.make is None:
            place = places[min(missing)]
            raise InputError(
                f"--data-dir: {place}: no such file or folder, expected the official layout "
                f"of {self.name} (docs/data.md)"
            )
        if not set(missing) <= set(STILLS):
            self.make(pathlib.Path(self.folder) if folder is None else folder)
        if set(missing) & set(STILLS):
            generate_shapes(pathlib.Path(places[STILLS[0]]).parent, stills=True)


def _first(root: pathlib.Path, names: Sequence[str]) -> pathlib.Path:
    """The first place that exists, or the usual one."""
    return next((root / name for name in names if (root / name).exists()), root / names[0])


def generate_shapes(folder: pathlib.Path, stills: bool = False) -> None:
    """Generates the data of the quickstart.

    Args:
      folder: absent or empty.
      stills: images instead of videos.

    Raises:
      InputError: the folder holds something else.
    """
    from ovis_jax.data.shapes.generate import generate
    from ovis_jax.data.shapes.parameters import ShapesParameters

    kind = dict(train_videos=0, valid_videos=0, stills=NUM_STILLS) if stills else {}
    print(f"# generates {folder}", file=sys.stderr, flush=True)
    generate(folder, ShapesParameters(**kind), workers=os.cpu_count() or 1)


def _official(suffix: str = "", folder: str = "") -> dict[str, tuple[str, ...]]:
    """Places of videos: annotations_SPLIT.json or SPLIT/{suffix}, and frames in SPLIT/{folder}."""
    files = {}
    for split, file, images in zip(("train", "valid"), ANNOTATIONS, IMAGES, strict=True):
        files[file] = (f"annotations_{split}.json",)
        if suffix:
            files[file] = (f"{split}.json", f"{split}/{suffix}")
        files[images] = (f"{split}{folder}", split)
    return files


_COCO = dict(
    zip(
        STILLS,
        (("../coco/annotations/instances_train2017.json",), ("../coco/train2017",)),
        strict=True,
    )
)
_GENERATED = dict(
    zip(
        STILLS,
        (("../occluded_stills/instances_stills.json",), ("../occluded_stills/stills",)),
        strict=True,
    )
)


QUICKSTART = Dataset(
    name="quickstart",
    size="Occluded Shapes, 150 generated training videos and 24 others of 24 frames, 320x192",
    training="small networks, 1500 steps of 4 pairs from random weights unless a row says "
    "otherwise",
    folder="data/occluded_shapes",
    files=_official() | _GENERATED,
    patterns=("quickstart_{system}",),
    names={
        "masktrack_rcnn": "quickstart_masktrack",
        "cmasktrack_rcnn": "quickstart",
        "ioutracker_plus": "ioutracker_plus_quickstart",
    },
    words={
        "smaller": "(160, 96)",
        "larger": "(320, 192)",
        "resnext": "resnext50_32x4d",
    },
    make=generate_shapes,
)

OVIS = Dataset(
    name="ovis",
    size="OVIS",
    training="the published setting: ResNet-50-FPN, frames within 640x360, 12 epochs",
    folder="data/ovis",
    files=_official() | _COCO,
    names={"videomt": "videomt_vitl_ovis"},
    words={
        "smaller": "(640, 360)",
        "larger": "(1280, 720)",
        "resnext": "resnext101_64x4d",
    },
    of_paper=True,
)

YOUTUBE_VIS_2019 = Dataset(
    name="youtube_vis_2019",
    size="YouTube-VIS 2019, which has no occlusion labels",
    training="as for OVIS: ResNet-50-FPN, frames within 640x360, 12 epochs",
    folder="data/youtube_vis_2019",
    files=_official("instances.json", "/JPEGImages") | _COCO,
    patterns=("{system}_r50_ytvis2019", "{system}_r50_ovis"),
    names={"videomt": "videomt_vitl_ytvis2019"},
    settings={"model.num_classes": 40},
    words=OVIS.words,
)

DATASETS = {dataset.name: dataset for dataset in (QUICKSTART, OVIS, YOUTUBE_VIS_2019)}
