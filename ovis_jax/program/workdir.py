"""The folder of one run: holds one configuration, and a record of every start."""

from __future__ import annotations

import importlib.metadata
import json
import pathlib
import platform
import subprocess
import sys
import time
from typing import Any

import jax

from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError

_ADDED_FIELDS = {  # what runs did whose configuration has no such field yet
    "config.data.clip.num_frames": 2,
    "config.data.clip.mask_frames": 1,
    "config.data.clip.others": "references",
    "config.data.clip.stride": 1.0,
    "config.model.linker": "cues",
    "config.model.tracker.score_weight": 1.0,
    "config.model.tracker.iou_weight": 2.0,
    "config.model.tracker.label_weight": 10.0,
}
_PACKAGES = ("ovis-jax", "jax", "flax", "optax", "orbax-checkpoint", "numpy", "tensorflow")


class Workdir:
    """Where a run keeps its files.

    Attributes:
      path: the folder.
    """

    def __init__(self, path: pathlib.Path | str, config: dict[str, Any]):
        """Looks whether the folder can be used; writes nothing.

        Args:
          path: of the folder; need not exist.
          config: nested values, all of JSON's types.

        Raises:
          InputError: it is no folder, or holds a run of another configuration.
        """
        if not str(path):
            raise InputError("--workdir: expected a folder, is empty")
        self.path = pathlib.Path(path)
        self._config, self._claimed = config, False
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path}: expected a folder")
        saved = _read_json(self._config_file)
        if saved is not None:
            _check_equal(self._config_file, saved, config)

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    def claim(self) -> None:
        """Makes the folder, writes `config.json` once, and records this start in `run.json`."""
        if self._claimed or jax.process_index() != 0:
            return
        self._claimed = True
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be made: {error.strerror}") from error
        if not self._config_file.exists():
            write_json(self._config_file, self._config)
        record = self.path / "run.json"
        write_json(record, {"starts": [*_starts(record), describe_start()]})

    @property
    def _config_file(self) -> pathlib.Path:
        return self.path / "config.json"


def describe_start() -> dict[str, Any]:
    """Command, revision of the code, time, machine and versions of this process."""
    devices = jax.devices()
    return {
        "command": [sys.executable, *sys.argv],
        "revision": _revision(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "devices": f"{len(devices)} x {devices[0].device_kind}",
        "processes": jax.process_count(),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version()} | _versions(),
    }


def _revision() -> str | None:
    """Commit of the checkout that holds this code, with "-dirty" if it was edited; or None."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(
            command, cwd=pathlib.Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _starts(record: pathlib.Path) -> list[dict]:
    saved = _read_json(record)
    return [] if saved is None else saved["starts"]


def _read_json(path: pathlib.Path) -> Any:
    """Contents of a JSON file; None if there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _check_equal(path: pathlib.Path, saved: dict, config: dict) -> None:
    """Raises InputError naming the fields in which two configurations differ."""
    new = dict(_fields(config))
    added = {name: value for name, value in _ADDED_FIELDS.items() if name in new}
    old = added | dict(_fields(saved))
    absent = "absent"
    differences = [
        f"{name} is {old.get(name, absent)!r} there and {new.get(name, absent)!r} here"
        for name in sorted(old.keys() | new.keys())
        if old.get(name, absent) != new.get(name, absent)
    ]
    if differences:
        raise InputError(
            f"{path}: the work directory holds another configuration: {'; '.join(differences)}"
        )


def _fields(value: Any, name: str = "config"):
    """Pairs of dotted name and value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _fields(item, f"{name}.{key}")
    else:
        yield name, value
