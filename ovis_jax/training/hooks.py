"""What happens beside the optimisation: metrics, progress, events, the end of a process."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import math
import pathlib
import signal
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from tensorboardX import SummaryWriter
from tqdm import tqdm

from ovis_jax.training.state import StepMetrics

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

        Raises:
          Diverged: a loss or a gradient norm was not finite; names the first such step.
        """
        pending, self._pending = jax.device_get(self._pending), {}
        self._running.clear()
        for step, metrics in pending.items():
            self._check(step, metrics)
        return _means([scalars(metrics) for metrics in pending.values()])

    def _check(self, step: int, metrics: StepMetrics) -> None:
        """Raises Diverged unless the step's loss and gradient are finite."""
        norm = metrics.values["gradient_norm"]
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


@dataclasses.dataclass
class Stopwatch:
    """Time since the last `lap`, and how much of it went into waiting for data.

    Attributes:
      frames: query and reference frames of this lap, in all processes.
      waited: seconds.
      start: of the lap.
      total_frames: of all laps, without the first one, which compiles.
      total_waited: seconds of them.
      total: seconds of them.
    """

    frames: int = 0
    waited: float = 0.0
    start: float = dataclasses.field(default_factory=time.perf_counter)
    total_frames: int = 0
    total_waited: float = 0.0
    total: float | None = None

    def next_batch(self, batches):
        """The next batch of an iterator; the time is counted."""
        start = time.perf_counter()
        batch = next(batches)
        self.waited += time.perf_counter() - start
        self.frames += batch.frames.shape[0] * batch.frames.shape[1] * jax.process_count()
        return batch

    def lap(self) -> dict[str, float]:
        """Frames a second and the share of time spent waiting; restarts."""
        seconds = max(time.perf_counter() - self.start, 1e-9)
        speed = {"frames_per_second": self.frames / seconds, "data_wait": self.waited / seconds}
        if self.total is None:
            self.total = 0.0
        else:
            self.total += seconds
            self.total_frames += self.frames
            self.total_waited += self.waited
        self.restart()
        return speed

    def restart(self) -> None:
        """Begins a lap without counting what came before it."""
        self.frames, self.waited, self.start = 0, 0.0, time.perf_counter()

    def summary(self, step: int) -> str:
        """What there is to say at the end, after `step` steps."""
        if not self.total:
            return f"trained to step {step}"
        return (
            f"trained to step {step}: {self.total_frames / self.total:.1f} frames/s, "
            f"{self.total_waited / self.total:.1%} of the time waiting for data, "
            f"{datetime.timedelta(seconds=round(self.total))} without compilation"
        )


class ProgressLine:
    """One line on the terminal: step, time left, loss, frames a second, share of waiting."""

    def __init__(self, start: int, total: int, *, shown: bool):
        """Shows the line at `start` of `total` steps, unless not `shown`."""
        self._bar = tqdm(
            total=total, initial=start, unit="step", desc="train", miniters=1, disable=not shown
        )

    def update(self, step: int, values: Mapping[str, float]) -> None:
        """Shows the line after `step` steps; `values` are means since the last call."""
        self._bar.set_postfix_str(
            f"loss {values['loss']:.3f}, {values['frames_per_second']:.1f} frames/s, "
            f"data wait {values['data_wait']:.0%}",
            refresh=False,
        )
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        """Leaves the line."""
        self._bar.close()


class EventWriter:
    """Scalars and pictures for TensorBoard; writes nothing if not `enabled`."""

    def __init__(self, folder: pathlib.Path, start: int, *, enabled: bool):
        """Continues a folder's events at step `start`; later ones count as undone."""
        self._writer = None
        if enabled:
            suffix = f".from_step_{start}"
            self._writer = SummaryWriter(str(folder), purge_step=start, filename_suffix=suffix)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers by name."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes an image [H, W, 3] uint8."""
        if self._writer is not None:
            self._writer.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Writes what is buffered."""
        if self._writer is not None:
            self._writer.close()


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
