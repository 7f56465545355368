"""The programs of an exported model as text."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from ovis_jax.export.artifact import NAMES
from ovis_jax.export.programs import Programs
from ovis_jax.formats.atomic import write_text


def write_stablehlo(
    folder: pathlib.Path, programs: Programs, platforms: Sequence[str]
) -> list[pathlib.Path]:
    """Writes `encode.cpu.mlir`, `step.cpu.mlir` and so on: StableHLO of the version in use.

    Arguments are arrays in the order of `about.json`: weights, then those of the function. The text
    is to be read; programs that are to last are in the exported model itself.

    Args:
      folder: made if it does not exist.
      programs: of the system.
      platforms: some of `PLATFORMS`.

    Returns:
      The files.
    """
    written = []
    for platform in platforms:
        for name in NAMES:
            path = folder / f"{name}.{platform}.mlir"
            write_text(path, str(programs.exported(name, platform).mlir_module()))
            written.append(path)
    return written
