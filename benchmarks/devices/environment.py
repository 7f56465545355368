"""A virtual environment for each compiler, made when it is missing."""

from __future__ import annotations

import configparser
import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).parents[2]
_HERE = pathlib.Path(__file__).parent
_READY = "ready.txt"  # holds what was installed; written last
_EXTRA = "models"  # what the programs import is what the package asks for under this name


def compiler_python(platform: str) -> pathlib.Path:
    """Python with the compiler of a platform ("tpu", "cuda"), in `.venv-PLATFORM` of the checkout.

    It is made anew when what the requirements ask for has changed, and when it was left unfinished.
    """
    folder = ROOT / f".venv-{platform}"
    wanted = requirements(platform)
    ready, python = folder / _READY, folder / "bin" / "python"
    if not ready.exists() or ready.read_text() != wanted:
        print(f"making {folder.name}, once", file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt")]
        compiler = ["-r", str(requirement_file(platform))]
        subprocess.run([*install, *compiler, "-e", f"{ROOT}[{_EXTRA}]"], check=True)
        ready.write_text(wanted)
    return python


def requirement_file(platform: str) -> pathlib.Path:
    """Lists the compiler of a platform."""
    return _HERE / f"requirements-{platform}.txt"


def requirements(platform: str) -> str:
    """What the environment of a platform holds, and what bounds the versions."""
    package = configparser.ConfigParser()
    package.read(ROOT / "setup.cfg")
    files = (requirement_file(platform), ROOT / "constraints.txt")
    return "".join(
        (
            package["options"]["install_requires"],
            package["options.extras_require"][_EXTRA],
            *(path.read_text() for path in files),
        )
    )
