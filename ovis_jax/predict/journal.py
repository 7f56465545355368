"""What is kept of a video that is being predicted, so that an interruption costs a minute of it."""

from __future__ import annotations

import itertools
import json
import pathlib
import shutil
import zipfile

import numpy as np

from ovis_jax.formats.atomic import open_atomic
from ovis_jax.inference.snapshot import Snapshot
from ovis_jax.predict.frame_result import FrameResult
from ovis_jax.tracking.tracklets import Tracklets

SECONDS = 60.0
"""From one snapshot to the next."""

_FOLDER, _STATE, _OBJECTS = ".unfinished", "state.npz", "objects.jsonl"


class Journal:
    """A folder beside the outputs of a video: the objects of its frames, and a snapshot.

    Attributes:
      snapshot: from which the video goes on; None: from its beginning.
      done: frames whose objects are known, which were read back by `tracks`.
      lost: objects that a capacity was too small for, in these frames.
    """

    def __init__(self, output: pathlib.Path, *, goes_on: bool, objects: bool = True):
        """Opens the folder.

        Args:
          output: of the video.
          goes_on: what lies there is of a call like this one; otherwise it is removed.
          objects: are written, for `tracks` to read.
        """
        self._folder = output / _FOLDER
        if not goes_on:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.snapshot, self.done = self._read_state()
        self.lost, self._keeps_objects = 0, objects
        _cut(self._folder / _OBJECTS, self.done)
        self._objects = open(self._folder / _OBJECTS, "a", encoding="utf-8")

    def tracks(self) -> Tracklets:
        """Tracks of the frames that are done."""
        tracks = Tracklets()
        with open(self._folder / _OBJECTS, encoding="utf-8") as file:
            for line in file:
                own = json.loads(line)
                self.lost += own.pop("overflow")
                vectors = own.pop("class_scores")
                own["class_scores"] = None if vectors is None else np.float32(vectors)
                if own["ids"]:
                    tracks.add(**own)
        return tracks

    def write(self, result: FrameResult, snapshot: Snapshot | None) -> None:
        """Adds a frame, and the snapshot of its video if that is another than the last one."""
        if self._keeps_objects:
            self._objects.write(json.dumps(_line(result)) + "\n")
        if snapshot is not None and snapshot is not self.snapshot:
            self._objects.flush()
            self.snapshot, self.done = snapshot, result.frame + 1
            arrays = {f"leaf_{k:04}": leaf for k, leaf in enumerate(snapshot.leaves)}
            place = np.array([self.done, snapshot.num_frames, *snapshot.canvas])
            with open_atomic(self._folder / _STATE, "wb") as file:
                np.savez(file, place=place, **arrays)

    def cut(self, path: pathlib.Path) -> None:
        """Leaves of a file with a line for each frame those of the frames that are done."""
        _cut(path, self.done)

    def cut_pictures(self, folder: pathlib.Path) -> None:
        """Leaves of a folder of PNGs named by frames those of the frames that are done."""
        for path in folder.glob("[0-9]*.png"):
            if path.stem.isdecimal() and int(path.stem) >= self.done:
                path.unlink()

    def close(self) -> None:
        """Closes its file; all stays for another call."""
        self._objects.close()

    def remove(self) -> None:
        """The video is over."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read_state(self) -> tuple[Snapshot | None, int]:
        try:
            with np.load(self._folder / _STATE, allow_pickle=False) as arrays:
                done, num_frames, *canvas = arrays["place"].tolist()
                names = sorted(name for name in arrays.files if name.startswith("leaf_"))
                leaves = [arrays[name] for name in names]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None, 0
        return Snapshot(leaves, num_frames, tuple(canvas)), done


def _cut(path: pathlib.Path, lines: int) -> None:
    """Leaves the first lines of a file, if there is one."""
    if not path.exists():
        return
    with open(path, "r+b") as file:
        length = sum(len(line) for line in itertools.islice(file, lines))
        file.truncate(length)


def _line(result: FrameResult) -> dict:
    """What `Tracklets.add` takes, and what was lost; floats come back as they are."""
    vectors = result.class_scores
    return {
        "frame": result.frame,
        "ids": result.ids.tolist(),
        "scores": result.scores.tolist(),
        "labels": result.labels.tolist(),
        "rles": [*result.rles],
        "class_scores": None if vectors is None else vectors.tolist(),
        "overflow": result.overflow,
    }
