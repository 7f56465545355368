"""A virtual environment for each compiler, made when it is missing."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).parents[2]
_HERE = pathlib.Path(__file__).parent
_READY = "ready.txt"  # holds what was installed; written last


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
        files = [x for path in requirement_files(platform) for x in ("-r", str(path))]
        install = [str(python), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt")]
        subprocess.run([*install, *files], check=True)
        ready.write_text(wanted)
    return python


def requirement_files(platform: str) -> list[pathlib.Path]:
    """Files that list what a platform's environment holds."""
    return [_HERE / "requirements.txt", _HERE / f"requirements-{platform}.txt"]


def requirements(platform: str) -> str:
    """Their contents, and what bounds the versions."""
    files = [*requirement_files(platform), ROOT / "constraints.txt"]
    return "".join(path.read_text() for path in files)
