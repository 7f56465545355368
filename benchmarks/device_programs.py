"""What the compiler of an accelerator makes of a program; no accelerator is needed.

    python -m benchmarks.device_programs --target tpu-v5e|tpu-v5p|tpu-v6e|h100 [--chips 4]
        [--program train|encode|step|whole_frame] [--config FILE] [--dtype bfloat16] [--pairs 2]
        [--window 5] [--matmul-precision highest] [--cublas] [--output JSON] [--against JSON]
        [--keep FOLDER]

The program is compiled ahead of time for a described device, in a virtual environment of the
compiler's own (`.venv-tpu`, `.venv-cuda`) that is made when it is missing; that takes minutes, and
so does compiling. docs/devices.md says how to read what is printed. The numbers do not depend on
how busy the machine is, but for the seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks.devices import environment, hlo, reports, tables
from benchmarks.devices.request import PROGRAMS, Request
from benchmarks.devices.targets import TARGETS
from ovis_jax.formats.errors import InputError

PRECISIONS = ("highest", "high", "default")


def main(arguments: list[str] | None = None) -> int:
    """Compiles, prints, and writes what was asked for; 2 for wrong input."""
    try:
        options = parse(arguments)
        before = read_report(options.against) if options.against else None
        found = compiled_report(request_of(options), options.keep)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(tables.lines(found)))
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n")
    if before is not None:
        print("\n".join(tables.comparison(before, found)))
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--chips", type=int, default=1, help="that train on one batch")
    parser.add_argument("--program", choices=PROGRAMS, default="train")
    parser.add_argument("--config", default="configs/cmasktrack_rcnn_r50_ovis.py")
    parser.add_argument(
        "--image-scale", type=int, nargs=2, metavar=("LONGER", "SHORTER"), help="frames fit into it"
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument(
        "--matmul-precision", choices=PRECISIONS, default="highest", help="of float32 products"
    )
    parser.add_argument("--pairs", type=int, default=2, help="frame pairs a chip and step")
    parser.add_argument("--window", type=int, help="reference frames on either side")
    parser.add_argument("--chunk", type=int, default=4, help="frames that encode gets together")
    parser.add_argument(
        "--cublas",
        action="store_true",
        help="GPUs: products are library calls, where XLA finds no tiles for its own",
    )
    parser.add_argument("--output", type=pathlib.Path, help="file for the numbers, JSON")
    parser.add_argument("--against", type=pathlib.Path, help="such a file, to compare with")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the program's text")
    options = parser.parse_args(arguments)
    TARGETS[options.target].topology(options.chips)
    if options.program != "train" and options.chips != 1:
        raise InputError(f"--chips: {options.chips}, expected 1: only training uses several")
    if options.cublas and TARGETS[options.target].platform != "cuda":
        raise InputError(f"--cublas: {options.target} has none")
    if not (environment.ROOT / options.config).is_file():
        raise InputError(f"--config: there is no file {options.config}")
    return options


def request_of(options: argparse.Namespace) -> Request:
    """What the other process is told."""
    names = [field.name for field in dataclasses.fields(Request)]
    return Request(**{name: getattr(options, name) for name in names})


def read_report(path: pathlib.Path) -> dict:
    """A report that was written before.

    Raises:
      InputError: it cannot be read.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"--against: {path}: {error}") from error
    if "compile_seconds" not in found:
        raise InputError(f"--against: {path}: holds no report of this program")
    return found


def compiled_report(request: Request, keep: pathlib.Path | None = None) -> dict:
    """Compiles a program in the environment of its compiler and reads the result.

    Raises:
      InputError: it does not compile, for example because the chip has too little memory.
    """
    target = TARGETS[request.target]
    python = environment.compiler_python(target.platform)
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        command = [str(python), "-m", "benchmarks.devices.compile", request.text(), str(folder)]
        path = {"PYTHONPATH": str(environment.ROOT)}
        done = subprocess.run(command, cwd=environment.ROOT, env=os.environ | path)
        if done.returncode:
            raise InputError(f"{request.program} was not compiled for {request.target}, see above")
        facts = json.loads((folder / "facts.json").read_text())
        program = hlo.parse((folder / "program.txt").read_text())
    return {"request": dataclasses.asdict(request)} | facts | reports.report(program, target)


if __name__ == "__main__":
    sys.exit(main())
