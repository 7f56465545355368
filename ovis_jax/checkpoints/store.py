"""Checkpoints of a training run, written by Orbax: whole or not at all."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

from ovis_jax.checkpoints.fingerprints import fingerprints
from ovis_jax.checkpoints.trees import (
    check_shapes,
    flat_shapes,
    flattened,
    is_within,
    nested,
    shapes_of,
    targets,
)
from ovis_jax.formats.errors import InputError
from ovis_jax.program import cluster

_VARIABLES, _PROGRESS, _META = "variables", "progress", "meta"
_FINGERPRINTS, _DAMAGED = "fingerprints", "damaged"
_LONGEST_REASON = 200  # characters of an error of the storage library


class DamagedCheckpoint(InputError):
    """A checkpoint that cannot be read, or not as it was written."""


class CheckpointStore:
    """The numbered checkpoints of a folder.

    A checkpoint has three items: `variables` (what a model is applied to), `progress` (optimizer
    state and step) and `meta` (JSON: step, seed and number of the next batch). Saving goes on in
    the background.
    """

    def __init__(self, folder: pathlib.Path | str, *, keep: int | None = None, alone: bool = False):
        """Opens a folder; it is made by the first `save`.

        Args:
          folder: of the checkpoints.
          keep: newest checkpoints that are kept; None: all.
          alone: this process uses the folder without the others of its cluster.
        """
        self.folder = pathlib.Path(folder).absolute()
        self._keep, self._alone = keep, alone
        self._opened: ocp.CheckpointManager | None = None

    def latest_step(self) -> int | None:
        """Number of the newest complete checkpoint."""
        return self._manager().latest_step() if self.folder.is_dir() else None

    def newest_sound_step(self, variables: dict, progress: Any) -> int | None:
        """Number of the newest checkpoint that can be restored; None without checkpoints.

        Damaged ones before it are named in a warning and moved to the folder `damaged`, where
        nothing looks for checkpoints. In a cluster the first process does so while others wait.

        Args:
          variables: arrays or shapes, as for `restore`.
          progress: as `variables`.

        Raises:
          InputError: no checkpoint can be read, or the newest is of another model.
        """
        if cluster.is_first() and self.folder.is_dir():
            # Keeps all: what a killed run left half-written is removed by one manager only, as two
            # would trip over each other.
            with CheckpointStore(self.folder, alone=True) as own:
                own._set_damaged_aside(*map(shapes_of, (variables, progress)))
        cluster.wait_for_all("checkpoints looked at")
        if self._opened is not None:
            self._opened.reload()
        return self.latest_step()

    def save(self, step: int, variables: dict, progress: Any, meta: dict) -> None:
        """Starts to write a checkpoint, unless it exists; waits for the one before."""
        if step == self.latest_step():
            return
        arrays = {_VARIABLES: variables, _PROGRESS: progress}
        meta = meta | {_FINGERPRINTS: {name: fingerprints(x) for name, x in arrays.items()}}
        items = ocp.args.Composite(
            **{
                _VARIABLES: ocp.args.StandardSave(variables),
                _PROGRESS: ocp.args.StandardSave(progress),
                _META: ocp.args.JsonSave(meta),
            }
        )
        self._manager().save(step, args=items)

    def restore(self, step: int, variables: dict, progress: Any) -> tuple[dict, Any, dict]:
        """Reads a checkpoint into trees like those given.

        Args:
          step: number of the checkpoint.
          variables: arrays or shapes; those with a sharding say where to restore to.
          progress: as `variables`.

        Returns:
          variables, progress, meta.

        Raises:
          InputError: the checkpoint is of another model.
          DamagedCheckpoint: it is damaged.
        """
        self._check_shapes(step, variables)
        items = ocp.args.Composite(
            **{
                _VARIABLES: ocp.args.StandardRestore(targets(variables)),
                _PROGRESS: ocp.args.StandardRestore(targets(progress)),
                _META: ocp.args.JsonRestore(),
            }
        )
        found = self._read(step, items)
        meta = found[_META]
        meta.pop(_FINGERPRINTS, None)
        return found[_VARIABLES], found[_PROGRESS], meta

    def restore_variables(
        self, variables: dict, step: int | None = None, passed_over: Sequence[str] = ()
    ) -> dict:
        """Reads the variables of a checkpoint into a tree like the arrays or shapes given.

        Args:
          variables: arrays or shapes.
          step: number of the checkpoint; None: the newest.
          passed_over: paths of parts, such as "params/box/logits", that the checkpoint may hold in
            any shape and that are not wanted.

        Raises:
          InputError: there is no checkpoint, it is of another model, or damaged.
        """
        step = self._existing(step)
        wanted = variables
        if passed_over:
            own = flattened(variables)
            own |= {p: x for p, x in self._held(step).items() if is_within(p, passed_over)}
            wanted = nested(own)
        self._check_shapes(step, wanted)
        items = ocp.args.Composite(
            **{
                _VARIABLES: ocp.args.StandardRestore(targets(wanted)),
                _META: ocp.args.JsonRestore(),
            }
        )
        found = self._read(step, items)[_VARIABLES]
        if not passed_over:
            return found
        flat = flattened(found)
        kept = {path: x for path, x in flat.items() if not is_within(path, passed_over)}
        return nested(kept)

    def restore_meta(self, step: int | None = None) -> dict:
        """What was written beside the arrays of a checkpoint.

        Args:
          step: number of the checkpoint; None: the newest.

        Raises:
          InputError: there is no checkpoint, or it is damaged.
        """
        step = self._existing(step)
        items = ocp.args.Composite(**{_META: ocp.args.JsonRestore()})
        meta = self._read(step, items)[_META]
        return {name: value for name, value in meta.items() if name != _FINGERPRINTS}

    def close(self) -> None:
        """Waits until everything is written."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def __enter__(self) -> CheckpointStore:
        """Itself."""
        return self

    def __exit__(self, error_type, error, traceback) -> None:
        """Closes it, unless the processes to wait for are gone."""
        if error_type is None or not issubclass(error_type, jax.errors.JaxRuntimeError):
            self.close()

    def _existing(self, step: int | None) -> int:
        """The number of a checkpoint; None: of the newest."""
        step = self.latest_step() if step is None else step
        if step is None:
            raise InputError(f"{self.folder}: expected a folder of checkpoints, found none")
        return step

    def _held(self, step: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and types of all variables of a checkpoint, by path."""
        with self._damage_is_bad_input(step):
            held = flattened(self._manager().item_metadata(step)[_VARIABLES])
            return {path: jax.ShapeDtypeStruct(tuple(x.shape), x.dtype) for path, x in held.items()}

    def _manager(self) -> ocp.CheckpointManager:
        if self._opened is None:
            sharing = ocp.options.MultiprocessingOptions()
            if self._alone:
                own = jax.process_index()
                sharing = ocp.options.MultiprocessingOptions(
                    primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"of_{own}"
                )
            options = ocp.CheckpointManagerOptions(
                max_to_keep=self._keep,
                cleanup_tmp_directories=self._keep is not None,
                create=not self._alone,
                multiprocessing_options=sharing,
            )
            handlers = {
                _VARIABLES: ocp.StandardCheckpointHandler(),
                _PROGRESS: ocp.StandardCheckpointHandler(),
                _META: ocp.JsonCheckpointHandler(),
            }
            self._opened = ocp.CheckpointManager(
                self.folder, options=options, item_handlers=handlers
            )
        return self._opened

    def _set_damaged_aside(self, variables: dict, progress: Any) -> None:
        """Moves the newest checkpoints away until one can be restored."""
        while (step := self.latest_step()) is not None:
            try:
                self.restore(step, variables, progress)
                return
            except DamagedCheckpoint as error:
                if len(self._manager().all_steps()) == 1:
                    raise
                place = self.folder / _DAMAGED / f"{step}-{time.time_ns()}"
                place.parent.mkdir(exist_ok=True)
                (self.folder / str(step)).rename(place)
                logging.warning(
                    "%s; it is set aside as %s, and the one before is used", error, place
                )
                self._manager().reload()

    def _read(self, step: int, items: ocp.args.Composite):
        with self._damage_is_bad_input(step):
            found = self._manager().restore(step, args=items)
        wanted = found[_META].get(_FINGERPRINTS, {})
        for name in (_VARIABLES, _PROGRESS):
            if name in found and name in wanted and fingerprints(found[name]) != wanted[name]:
                raise DamagedCheckpoint(
                    f"{self.folder}: checkpoint {step}: {name}: not what was written"
                )
        return found

    @contextlib.contextmanager
    def _damage_is_bad_input(self, step: int):
        """Turns whatever reading raises into an error of one line."""
        try:
            yield
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:_LONGEST_REASON]
            name = f"{self.folder}: checkpoint {step}"
            raise DamagedCheckpoint(f"{name} cannot be read: {reason}") from error

    def _check_shapes(self, step: int, variables: dict) -> None:
        """Raises InputError naming a variable that the checkpoint and the model do not share."""
        found = flat_shapes(self._held(step))
        check_shapes(f"{self.folder}: checkpoint {step}", found, flat_shapes(variables))


def is_checkpoint(folder: pathlib.Path) -> bool:
    """Whether a folder is that of one checkpoint."""
    return (folder / _VARIABLES).is_dir()


def save_variables(folder: pathlib.Path | str, variables: dict, meta: dict) -> None:
    """Writes variables alone, as a checkpoint to start or predict from.

    Args:
      folder: of the checkpoint.
      variables: what a model is applied to.
      meta: JSON that tells where they come from.

    Raises:
      InputError: the folder holds a checkpoint already.
    """
    with CheckpointStore(folder) as store:
        if store.latest_step() is not None:
            raise InputError(f"{folder}: expected a new folder, holds a checkpoint already")
        store.save(0, variables, {"step": np.zeros((), np.int32)}, meta)
