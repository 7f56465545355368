"""The end of a process that is told to stop: on SIGTERM, after a whole step."""

from __future__ import annotations

import signal

import jax
from jax.experimental import multihost_utils


class StopSignal:
    """Turns SIGTERM into a question that the training loop asks after every step.

    Several processes agree on the step to stop after; there JAX watches for the signal.
    """

    def __init__(self):
        """Leaves the signal alone until `with`."""
        self._received = False
        self._alone = jax.process_count() == 1

    def __enter__(self) -> StopSignal:
        """Takes over SIGTERM."""
        if self._alone:
            self._previous = signal.signal(signal.SIGTERM, self._receive)
        return self

    def __exit__(self, *error) -> None:
        """Gives SIGTERM back."""
        if self._alone:
            signal.signal(signal.SIGTERM, self._previous)

    def received(self, step: int) -> bool:
        """Whether to stop after `step`; to be asked after every step."""
        if self._alone:
            return self._received
        return multihost_utils.reached_preemption_sync_point(step)

    def _receive(self, *_) -> None:
        self._received = True
