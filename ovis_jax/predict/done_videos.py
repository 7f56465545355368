"""Which videos a call of `ovis-jax predict` has done, so that the next one goes on behind them."""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from absl import logging
from ml_collections import ConfigDict

import ovis_jax
from ovis_jax.checkpoints.hub import local_checkpoint
from ovis_jax.formats.atomic import write_json

_FILE, _BEGUN = "done.json", "begun.json"  # in the folder of a video
_OPTIONS = ("causal", "annotations", "min_score", "devices")
_WRITTEN = {
    "results": ("results.json",),
    "overlay": ("overlay.mp4", "overlay.png"),
    "frames": ("frames.jsonl",),
    "ids": ("ids",),
}  # by `--write`


class DoneVideos:
    """Compares what is to be done with what `done.json` says of the folder of a video."""

    def __init__(self, options: argparse.Namespace, config: ConfigDict):
        """Remembers what results depend on.

        Args:
          options: of the command.
          config: whole configuration.
        """
        self._wanted = {name: getattr(options, name) for name in _OPTIONS} | {
            "write": sorted(options.write),
            "version": ovis_jax.__version__,
            "checkpoint": content_stamp(
                _weights(pathlib.Path(local_checkpoint(options.checkpoint)))
            ),
            "config": json.loads(config.to_json()),
        }
        if options.annotations is not None:
            self._wanted["categories"] = content_stamp(pathlib.Path(options.annotations))
        names = ("annotations.json", *(own for x in options.write for own in _WRITTEN[x]))
        self._written = names

    def holds(self, path: pathlib.Path, folder: pathlib.Path) -> bool:
        """Whether the video at `path` was done with the same options; says so if it was.

        Not if something that was written has been removed since.
        """
        try:
            done = json.loads((folder / _FILE).read_text()) == self._description(path)
        except (OSError, ValueError):
            return False
        done = done and all((folder / name).exists() for name in self._written)
        if done:
            logging.info("%s: done before, see %s", path, folder)
        return done

    def begin(self, path: pathlib.Path, folder: pathlib.Path) -> bool:
        """What is in the folder is about to change.

        Returns:
          Whether a call with the same options began before, and was interrupted.
        """
        description = self._description(path)
        try:
            goes_on = json.loads((folder / _BEGUN).read_text()) == description
        except (OSError, ValueError):
            goes_on = False
        (folder / _FILE).unlink(missing_ok=True)
        write_json(folder / _BEGUN, description)
        return goes_on

    def end(self, path: pathlib.Path, folder: pathlib.Path) -> None:
        """All files of the video are written."""
        write_json(folder / _FILE, self._description(path))
        (folder / _BEGUN).unlink(missing_ok=True)

    def _description(self, path: pathlib.Path) -> dict[str, Any]:
        # Frames lie in the folder itself: outputs may be written to one inside of it.
        return self._wanted | {"input": content_stamp(path, inner=False)}


def content_stamp(path: pathlib.Path, *, inner: bool = True) -> dict[str, Any]:
    """Name, size and age of a file, or of the files in a folder: other content, another stamp.

    Args:
      path: of the file or the folder.
      inner: files of the folders in the folder count, too.
    """
    facts = [file.stat() for file in _files(path, inner)]
    return {
        "path": str(path.absolute()),
        "files": len(facts),
        "bytes": sum(fact.st_size for fact in facts),
        "newest": max((fact.st_mtime_ns for fact in facts), default=0),
    }


def output_folders(inputs: Sequence[str], output: pathlib.Path) -> list[pathlib.Path]:
    """Where each input is written to: a single one to `output`, others to folders in it.

    These have the names of the inputs without ending; of a name that is taken, the first with a
    number that is free.
    """
    if len(inputs) == 1:
        return [output]
    folders: list[pathlib.Path] = []
    for path in map(pathlib.Path, inputs):
        name = path.absolute().name if path.is_dir() else path.stem
        names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
        folders.append(next(output / own for own in names if output / own not in folders))
    return folders


def _weights(path: pathlib.Path) -> pathlib.Path:
    """What of a work directory holds weights: outputs may be written to the rest of it."""
    inside = path / "checkpoints"
    return inside if inside.is_dir() else path


def _files(path: pathlib.Path, inner: bool) -> Iterator[pathlib.Path]:
    if path.is_dir():
        there = path.rglob("*") if inner else path.iterdir()
        yield from (file for file in there if file.is_file())
    elif path.is_file():
        yield path
