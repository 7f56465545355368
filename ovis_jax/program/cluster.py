"""Several processes that train together: how they find each other, and how they part."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from ovis_jax.formats.errors import BAD_INPUT, FAILURE, InputError

T = TypeVar("T")


def join(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Makes this process one of a cluster; to be called before anything asks for a device.

    Without arguments JAX finds the others by itself: on TPU pods, under Slurm and Open MPI, and on
    Kubernetes as an indexed job.

    Args:
      coordinator: "host:port" of process 0.
      num_processes: size of the cluster.
      process_id: number of this process.

    Raises:
      InputError: only some of the arguments are given, or no cluster can be found.
    """
    given = [value is not None for value in (coordinator, num_processes, process_id)]
    if any(given) and not all(given):
        raise InputError("--coordinator, --num-processes, --process-id: expected all three or none")
    try:
        jax.distributed.initialize(coordinator, num_processes, process_id)
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--distributed: the cluster cannot be joined: {reason}") from error


def leave(error: Exception, expected: tuple[type[Exception], ...] = ()) -> NoReturn:
    """Ends this process at once with the reason; to be called where an exception ends it.

    An ordinary exit waits for the other processes, which may be waiting for this one. That it is
    gone is what tells them to end.

    Args:
      error: bad input ends with 2, everything else with 1.
      expected: errors that need no traceback.
    """
    if isinstance(error, (InputError, *expected)):
        reason = str(error)
    elif isinstance(error, jax.errors.JaxRuntimeError):
        reason = f"ends, probably as another process did: {_first_line(error)}"
    else:
        reason = "".join(traceback.format_exception(error)).strip()
    print(f"process {jax.process_index()}: {reason}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(BAD_INPUT if isinstance(error, InputError) else FAILURE)


def is_first() -> bool:
    """Whether this process writes the files and talks to the user."""
    return jax.process_index() == 0


def own_share(items: Sequence[T]) -> Sequence[T]:
    """Every n-th of the items, for this one of n processes."""
    return items[jax.process_index() :: jax.process_count()]


def gather_shares(own: Sequence[Any]) -> list[Any]:
    """Puts together what the processes made of their `own_share`, in the order of the whole.

    Args:
      own: one item of JSON's types for each item of the share.

    Returns:
      All items, in every process.
    """
    if jax.process_count() == 1:
        return list(own)
    text = np.frombuffer(json.dumps(list(own)).encode(), np.uint8)
    lengths = multihost_utils.process_allgather(np.int64(len(text)))
    padded = np.zeros(int(lengths.max()), np.uint8)
    padded[: len(text)] = text
    texts = multihost_utils.process_allgather(padded)
    shares = [json.loads(t[:n].tobytes()) for t, n in zip(texts, lengths, strict=True)]
    items = [None] * sum(map(len, shares))
    for number, share in enumerate(shares):
        items[number :: len(shares)] = share
    return items


def wait_for_all(name: str) -> None:
    """Returns when every process has come to the place of this name."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
