"""Metrics of training steps, fetched from the device when somebody looks at them."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from ovis_jax.training.state import StepMetrics

_NORM = "gradient_norm"
_STEPS_AHEAD = 2  # that the host may hand to the device before the first of them is done


class Diverged(RuntimeError):
    """The loss or a gradient became infinite or NaN; the message is one line."""


class MetricsBuffer:
    """Metrics of steps that nobody has looked at yet, on the device."""

    def __init__(self, describe: Callable[[int], str]):
        """Starts empty.

        Args:
          describe: names a sample in errors.
        """
        self._describe = describe
        self._pending: dict[int, StepMetrics] = {}
        self._running: collections.deque[StepMetrics] = collections.deque()

    def add(self, step: int, metrics: StepMetrics) -> None:
        """Takes the metrics of a step; waits only if the device is far behind."""
        self._pending[step] = metrics
        self._running.append(metrics)
        if len(self._running) > _STEPS_AHEAD:
            jax.block_until_ready(self._running.popleft().loss)

    def take(self) -> dict[str, float]:
        """Means since the last call, by name; empty without a step since then.

        "gradient_norm_max" is the largest norm: a few batches with a huge one spoil the training,
        and a mean does not tell them from many with a large one.

        Raises:
          Diverged: a loss or a gradient norm was not finite; names the first such step.
        """
        pending, self._pending = jax.device_get(self._pending), {}
        self._running.clear()
        for step, metrics in pending.items():
            self._check(step, metrics)
        rows = [scalars(metrics) for metrics in pending.values()]
        largest = {"gradient_norm_max": max(row[_NORM] for row in rows)} if rows else {}
        return _means(rows) | largest

    def _check(self, step: int, metrics: StepMetrics) -> None:
        """Raises Diverged unless the step's loss and gradient are finite."""
        norm = metrics.values[_NORM]
        if math.isfinite(metrics.loss) and math.isfinite(norm):
            return
        losses = ", ".join(f"{name} {value:.4g}" for name, value in metrics.losses.items())
        samples = "; ".join(self._describe(int(sample)) for sample in metrics.sample)
        raise Diverged(
            f"step {step}: loss or gradient is not finite: {losses}, gradient norm {norm:.4g}; "
            f"samples: {samples}"
        )


def scalars(metrics: StepMetrics) -> dict[str, float]:
    """All numbers of a step by name: "loss", "loss/NAME" and the other values."""
    losses = {f"loss/{name}": float(value) for name, value in metrics.losses.items()}
    values = {name: float(value) for name, value in metrics.values.items()}
    return {"loss": float(metrics.loss)} | losses | values


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in (rows or [{}])[0]}
