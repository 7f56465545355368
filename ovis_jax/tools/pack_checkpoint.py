"""Command line that packs a trained model into one small file, weights in half precision.

    python -m ovis_jax.tools.pack_checkpoint --workdir DIR --output MODEL.npz

Every command that takes a checkpoint takes the file: `--checkpoint MODEL.npz`,
`--config.train.init_checkpoint=MODEL.npz`. Exit codes: 0 done, 2 bad input.
"""

import argparse
import json
import pathlib
import sys

from ml_collections import ConfigDict

from ovis_jax.checkpoints.packed import write_packed
from ovis_jax.checkpoints.store import CheckpointStore
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.predict import load_model
from ovis_jax.tools.tool import ToolParser, run_tool


def main(arguments: list[str] | None = None) -> int:
    """Packs, prints what was written, returns the exit code."""
    return run_tool(_parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: the folder is no work directory with a checkpoint, or its categories are unknown.
    """
    saved = read_config(options.workdir)
    annotations = options.annotations or saved["data"]["eval_annotations"]
    categories = [category.name for category in load_annotations(annotations).categories]
    config = ConfigDict(saved)
    if len(categories) != config.model.num_classes:
        raise InputError(
            f"{annotations}: categories: {len(categories)} entries, but the model has "
            f"{config.model.num_classes} classes"
        )
    with CheckpointStore(options.workdir / "checkpoints") as store:
        source = {"steps": store.latest_step(), "seed": config.seed}
    _, variables = load_model(config, options.workdir)
    write_packed(options.output, variables, saved, categories, source)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB")


def read_config(workdir: pathlib.Path) -> dict:
    """The configuration that a work directory was used with.

    Raises:
      InputError: there is none.
    """
    path = workdir / "config.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected the configuration of a work directory") from error


def _parser() -> argparse.ArgumentParser:
    parser = ToolParser(prog="ovis-jax pack", description="Packs a trained model into one file.")
    path = dict(type=pathlib.Path, metavar="PATH")
    parser.add_argument("--workdir", required=True, **path, help="of the training run")
    parser.add_argument("--output", required=True, **path, help="file to write, .npz")
    parser.add_argument(
        "--annotations", **path, help="names the categories; default: the run's validation set"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
