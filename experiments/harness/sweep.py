"""Makes all planned runs, together with other processes that do the same."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

from experiments.harness.claims import Claims
from experiments.harness.runs import PlannedRun

POLL = 10.0  # seconds between looks at what other processes do


def finish_all(planned: Sequence[PlannedRun], claims: Claims) -> None:
    """Returns when every run is finished, by this process or by another one.

    What a run starts from comes first; runs that are finished already are not repeated.
    """
    ordered = list({own.folder: own for run in planned for own in run.with_starts()}.values())
    said = 0
    while waiting := [run for run in ordered if not run.is_finished]:
        if any(_try(run, ordered, claims) for run in waiting):
            continue
        if said != len(waiting):
            said = len(waiting)
            _say(f"waiting for {said} runs of other processes")
        time.sleep(POLL)


def _try(run: PlannedRun, ordered: Sequence[PlannedRun], claims: Claims) -> bool:
    """Finishes a run if nobody else does."""
    if run.start is not None and not run.start.is_finished:
        return False
    with claims.taken(run.folder.name) as mine:
        if not mine or run.is_finished:  # the process that had the claim may have finished it
            return mine
        number = 1 + sum(own.is_finished for own in ordered)
        left = time_left(ordered, claims.held())
        _say(f"run {number} of {len(ordered)}: {run.folder.name} ({run.label}){left}")
        run.finish()
    return True


def time_left(planned: Sequence[PlannedRun], processes: int) -> str:
    """About how long the rest takes, from what finished runs took; empty if nothing is known."""
    seconds = 0.0
    for run in planned:
        if not run.is_finished:
            known = [own.seconds for own in planned if own.mode == run.mode and own.is_finished]
            known = [own for own in known if own is not None]
            if not known:
                return ""
            seconds += statistics.mean(known)
    minutes = round(seconds / max(processes, 1) / 60)
    return f"; about {minutes // 60} h {minutes % 60} min left"


def _say(text: str) -> None:
    print(f"# {time.strftime('%H:%M')} {text}", file=sys.stderr, flush=True)
