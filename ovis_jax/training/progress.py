"""What a user sees of a training run: speed, a line on the terminal, events for TensorBoard."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import time
from collections.abc import Mapping

import jax
import numpy as np
from tensorboardX import SummaryWriter
from tqdm import tqdm


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
