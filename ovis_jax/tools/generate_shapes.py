"""Command line that generates the data set Occluded Shapes.

    ovis-jax generate shapes --output DIR [--train-videos N --frames T …]

Exit codes: 0 the folder holds the data set, 2 bad arguments or a folder with other contents.
"""

import argparse
import dataclasses
import os
import pathlib
import sys

import tqdm

from ovis_jax.data.shapes.generate import SPLITS, generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.data.shapes.stills import STILLS
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.coco_images import load_coco
from ovis_jax.statistics.counts import DatasetStatistics, measure_dataset
from ovis_jax.tools.tool import ToolParser, run_tool


def main(arguments: list[str] | None = None) -> int:
    """Generates, prints the difficulty, returns the exit code."""
    return run_tool(_parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: an option makes no sense, or the folder holds something else.
    """
    values = dict(vars(options))
    output, workers = values.pop("output"), values.pop("workers")
    lists = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    parameters = ShapesParameters(**lists)
    total = parameters.train_videos + parameters.valid_videos + parameters.stills
    with tqdm.tqdm(total=total, disable=None, leave=False) as bar:
        new = generate(output, parameters, workers, bar.update)
    print(f"{output}: {'generated' if new else 'already there, nothing to do'}")
    for split in SPLITS:
        annotations = load_annotations(output / f"annotations_{split}.json")
        if annotations.videos:
            print(format_difficulty(measure_dataset(annotations, split)))
    if parameters.stills:
        stills = load_coco(output / f"instances_{STILLS}.json")
        print(f"{STILLS}: {len(stills.videos)} images, {len(stills.instances)} objects")


def format_difficulty(dataset: DatasetStatistics) -> str:
    """One line: how many videos and objects, and how occluded."""
    means = dataset.means()
    none, slight, severe = dataset.level_shares().values()
    return (
        f"{dataset.name}: {len(dataset.videos)} videos, {len(dataset.labels)} objects, "
        f"mBOR {means['mBOR']:.3f}, crossing rate {means['crossing_rate']:.3f}, "
        f"occlusion no/slight/severe {none:.2f}/{slight:.2f}/{severe:.2f}"
    )


def _parser() -> argparse.ArgumentParser:
    """One option for each field of ShapesParameters."""
    parser = ToolParser(
        prog="ovis-jax generate shapes",
        description="Generates the data set Occluded Shapes: OVIS JSON, JPEG frames, stills.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder to make")
    for field in dataclasses.fields(ShapesParameters):
        parser.add_argument(f"--{field.name.replace('_', '-')}", **_kind(field))
    workers = os.cpu_count() or 1
    parser.add_argument("--workers", type=int, default=workers, help="processes")
    return parser


def _kind(field: dataclasses.Field) -> dict:
    """How the option of a parameter is read."""
    default, choices = field.default, field.metadata["choices"]
    common = {"default": default, "help": field.metadata["help"]}
    if isinstance(default, bool):
        return {"action": "store_true", **common}
    if choices:
        return {"choices": choices, "nargs": "+" if isinstance(default, tuple) else None, **common}
    pair = isinstance(default, tuple)
    return {"type": type(default[0] if pair else default), "nargs": 2 if pair else None, **common}


if __name__ == "__main__":
    sys.exit(main())
