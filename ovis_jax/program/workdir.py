"""The folder of one run: holds one configuration, and a record of every start."""

from __future__ import annotations

import copy
import importlib.metadata
import json
import pathlib
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax
from absl import logging

from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.program.config_changes import Change, Changes, find_changes, of_the_run
from ovis_jax.program.data_places import fingerprint_of, used_places

_PACKAGES = ("ovis-jax", "jax", "flax", "optax", "orbax-checkpoint", "numpy", "tensorflow")


class Workdir:
    """Where a run keeps its files.

    Attributes:
      path: the folder.
      saved: configuration that the run had so far; None before its first start.
      changes: how the present one differs from it, without making it another run.
    """

    def __init__(self, path: pathlib.Path | str, config: dict[str, Any]):
        """Looks whether the folder can be used; writes nothing.

        Args:
          path: of the folder; need not exist.
          config: nested values, all of JSON's types. An oracle of prediction is not kept: it is no
            part of the run.

        Raises:
          InputError: it is no folder, or holds a run of another configuration.
        """
        if not str(path):
            raise InputError("--workdir: expected a folder, is empty")
        self.path = pathlib.Path(path)
        self._config, self._claimed = of_the_run(config), False
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path}: expected a folder")
        self.saved = _read_json(self._config_file)
        self._record = _read_json(self._record_file) or {"starts": []}
        self.changes = Changes()
        if self.saved is not None:
            fingerprints = self._record.get("data", {})
            self.changes = find_changes(self.saved, self._config, fingerprints)
            if self.changes.others:
                raise self.refusal(self.changes.others)

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    def outputs(self, oracle: str) -> pathlib.Path:
        """Folder of results and metrics, which need not exist: the run's, or one for an oracle."""
        return self.path / "oracles" / oracle if oracle else self.path

    def refusal(self, changes: Sequence[Change], reason: str = "") -> InputError:
        """The error that says which changes make it another run, and why."""
        listed = "; ".join(map(str, changes))
        return InputError(
            f"{self._config_file}: the work directory holds another configuration: {listed}"
            + (f": {reason}" if reason else "")
        )

    def claim(self, *, trains: bool = True) -> None:
        """Makes the folder and writes down the configuration and this start.

        `config.json` is the present configuration; what it was before stands in `run.json` with
        every start, and there are the fingerprints of the data.

        Args:
          trains: the process trains; if not, the saved length of the run stays.
        """
        if self._claimed or jax.process_index() != 0:
            return
        self._claimed = True
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be made: {error.strerror}") from error
        changes = self.changes.harmless + (self.changes.length if trains else ())
        for change in changes:
            logging.info("%s: goes on although %s", self.path, change)
        start = describe_start()
        if changes:
            start["changes"] = {c.field: {"old": c.old, "new": c.new} for c in changes}
        known = {"data": self._fingerprints()}
        write_json(self._record_file, known | {"starts": [*self._record["starts"], start]})
        config = self._config if trains else self._with_saved_length()
        if config != self.saved:
            write_json(self._config_file, config)

    def _fingerprints(self) -> dict[str, str]:
        """Of all data that the run reads, by field; data that are known already are not read."""
        known = dict(self._record.get("data", {}))
        for field in used_places(self._config):
            found = known.get(field) or fingerprint_of(self._config, field)
            if found is not None:
                known[field] = found
        return known

    def _with_saved_length(self) -> dict[str, Any]:
        config = copy.deepcopy(self._config)
        for change in self.changes.length:
            _, part, field = change.field.split(".")
            config[part][field] = change.old
        return config

    @property
    def _config_file(self) -> pathlib.Path:
        return self.path / "config.json"

    @property
    def _record_file(self) -> pathlib.Path:
        return self.path / "run.json"


def describe_start() -> dict[str, Any]:
    """Command, revision of the code, time, machine and versions of this process."""
    devices = jax.devices()
    return {
        "command": sys.orig_argv,
        "revision": _revision(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "devices": f"{len(devices)} x {devices[0].device_kind}",
        "processes": jax.process_count(),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version()} | _versions(),
    }


def _revision() -> str | None:
    """Commit of the checkout that holds this code, with "-dirty" if it was edited; or None."""
    checkout = pathlib.Path(__file__).parents[2]
    if not (checkout / ".git").exists():  # installed, perhaps inside a repository of other code
        return None
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
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


def _read_json(path: pathlib.Path) -> Any:
    """Contents of a JSON file; None if there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
