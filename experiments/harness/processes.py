"""Several processes of one machine that make the runs of an experiment side by side.

A small model keeps few cores busy: two runs on half of the cores each take less time than one after
the other on all of them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence

from experiments.harness.claims import Claims
from experiments.harness.programs import ended_by_sigterm
from experiments.harness.runs import PlannedRun
from experiments.harness.sweep import finish_all
from ovis_jax.formats.errors import InputError


def finish_side_by_side(planned: Sequence[PlannedRun], workdir: pathlib.Path, number: int) -> None:
    """As `finish_all`, in `number` processes, each on its share of this process's cores.

    This process is the first of them. What others write, and the programs that they start, is in
    `workdir/processes/N.log`. A run that fails in one of them is tried once more by this one, whose
    error is then that of the experiment.

    Args:
      planned: runs.
      workdir: of the experiments.
      number: of processes.

    Raises:
      InputError: there are fewer cores.
    """
    folder = workdir / "claims"
    if number == 1:
        finish_all(planned, Claims(folder))
        return
    shares = shares_of(cores(), number)
    with ended_by_sigterm(), _others(planned, workdir, shares[1:]), _on(shares[0]):
        finish_all(planned, Claims(folder))


def cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def shares_of(own: Sequence[int], number: int) -> list[list[int]]:
    """Neighbouring cores for each of `number` processes, as equally many as can be.

    Raises:
      InputError: there are fewer cores than processes.
    """
    if not 1 <= number <= len(own):
        raise InputError(f"--processes: {number}, expected 1 to {len(own)}, the cores there are")
    ends = [len(own) * k // number for k in range(number + 1)]
    return [list(own[begin:end]) for begin, end in zip(ends, ends[1:], strict=False)]


@contextlib.contextmanager
def _others(
    planned: Sequence[PlannedRun], workdir: pathlib.Path, shares: Sequence[Sequence[int]]
) -> Iterator[None]:
    """A process for each share while the block lasts; they are told to end if it fails."""
    logs = workdir / "processes"
    logs.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")  # a fork would share locks of threads
    others = []
    for k, share in enumerate(shares, start=2):
        path = logs / f"{k}.log"
        print(f"# process {k} writes to {path}", file=sys.stderr, flush=True)
        given = (list(planned), workdir / "claims", list(share), path)
        others.append(spawn.Process(target=_finish, args=given))
        others[-1].start()
    try:
        yield
    except BaseException:
        for other in others:
            other.terminate()
        raise
    finally:
        for other in others:
            other.join()


@contextlib.contextmanager
def _on(share: Sequence[int]) -> Iterator[None]:
    """This thread and the programs that it starts run on these cores while the block lasts."""
    if not hasattr(os, "sched_setaffinity"):  # macOS: the system spreads them
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, share)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _finish(
    planned: Sequence[PlannedRun],
    claims: pathlib.Path,
    share: Sequence[int],
    log: pathlib.Path,
) -> None:
    """What another process does."""
    with open(log, "a") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    with _on(share), ended_by_sigterm(), contextlib.suppress(KeyboardInterrupt):
        finish_all(planned, Claims(claims))
