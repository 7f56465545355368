"""Command line that packs a trained model into one small file, weights in half precision.

    ovis-jax pack --workdir DIR --output MODEL.npz

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
from ovis_jax.formats.annotations import load_header
from ovis_jax.formats.errors import InputError
from ovis_jax.predict import load_model
from ovis_jax.program.config_changes import completed
from ovis_jax.tools.options import pack as parser
from ovis_jax.tools.tool import run_tool


def main(arguments: list[str] | None = None) -> int:
    """Packs, prints what was written, returns the exit code."""
    return run_tool(parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: the folder is no work directory with a checkpoint, or its categories are unknown.
    """
    saved = read_config(options.workdir)
    annotations = options.annotations or saved["data"]["eval_annotations"]
    categories = load_header(annotations).categories
    config = ConfigDict(completed(saved))
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


if __name__ == "__main__":
    sys.exit(main())
