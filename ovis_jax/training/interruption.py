"""The end of a process that is told to stop: on SIGTERM or Ctrl-C, after a whole step."""

from __future__ import annotations

import signal
from typing import Any

import jax
from jax.experimental import multihost_utils


class StopSignal:
    """Turns SIGTERM and Ctrl-C into a question that the training loop asks after every step.

    Several processes agree on the step to stop after; there JAX watches for SIGTERM, and Ctrl-C
    ends a process at once, as it does before the first step is done, when there is nothing to save,
    and the second time. Who starts a process with Ctrl-C ignored, as shells do in the background,
    has it ignored.

    Attributes:
      interrupted: whether it was Ctrl-C.
    """

    def __init__(self):
        """Leaves the signals alone until `with`."""
        self.interrupted = False
        self._received = self._asked = False
        self._alone = jax.process_count() == 1
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        """Takes over both signals."""
        if self._alone:
            self._previous[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._receive)
            if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                self._previous[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *error) -> None:
        """Gives them back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def received(self, step: int) -> bool:
        """Whether to stop after `step`; to be asked after every step."""
        self._asked = True
        if self._alone:
            return self._received
        return multihost_utils.reached_preemption_sync_point(step)

    def _receive(self, *_) -> None:
        self._received = True

    def _interrupt(self, *_) -> None:
        if self.interrupted or not self._asked:
            raise KeyboardInterrupt
        self.interrupted = self._received = True
