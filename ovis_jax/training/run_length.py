"""How long a run is, its learning rate, and whether another length would change its past."""

from __future__ import annotations

import jax
import numpy as np
import optax
from ml_collections import ConfigDict

from ovis_jax.data.samples import Samples
from ovis_jax.program.config_changes import completed
from ovis_jax.program.workdir import Workdir
from ovis_jax.training.schedule import Schedule, learning_rate_schedule, scaled_learning_rate


def run_length(config: ConfigDict, data: Samples) -> int:
    """Steps of the whole run: `num_steps`, or `num_epochs` passes over the data."""
    settings = config.train
    return settings.num_steps or settings.num_epochs * data.batches_per_epoch(settings.batch_size)


def make_schedule(config: ConfigDict, num_steps: int, delayed: bool = False) -> optax.Schedule:
    """Learning rate of every step, scaled by the batch size.

    Args:
      config: whole configuration.
      num_steps: length of the run.
      delayed: that of `config.train.delayed`.
    """
    settings = config.train
    schedule = Schedule(
        kind=settings.schedule,
        warmup_steps=settings.delayed.warmup_steps if delayed else settings.warmup_steps,
        warmup_factor=settings.warmup_factor,
        after_warmup=settings.schedule_after_warmup,
        delay=settings.delayed.steps if delayed else 0,
        drops=tuple(settings.drops),
        power=settings.schedule_power,
        final_factor=settings.schedule_final_factor,
    )
    peak = scaled_learning_rate(settings.learning_rate, settings.batch_size)
    return learning_rate_schedule(schedule, peak, num_steps)


def check_same_past(config: ConfigDict, workdir: Workdir, data: Samples, step: int) -> None:
    """Looks that a run of another length would have come to the same state.

    Args:
      config: whole configuration.
      workdir: says which fields are different.
      data: training samples.
      step: steps that were taken.

    Raises:
      InputError: the run would end before `step`, or the learning rate of a step that was taken
        would have been another.
    """
    if not workdir.changes.length or not step:
        return
    before = ConfigDict(completed(workdir.saved))
    old_length, new_length = run_length(before, data), run_length(config, data)
    if new_length < step:
        reason = f"{new_length} steps are fewer than the {step} that were taken"
        raise workdir.refusal(workdir.changes.length, reason)
    steps = np.arange(step)
    rates = [
        np.asarray(jax.vmap(make_schedule(own, length))(steps))
        for own, length in ((before, old_length), (config, new_length))
    ]
    other = np.flatnonzero(rates[0] != rates[1])
    if other.size:
        first = int(other[0])
        raise workdir.refusal(
            workdir.changes.length,
            f"the learning rate of {other.size} of the {step} steps that were taken would have "
            f"been another, first that of step {first}: {rates[0][first]:.6g} then, "
            f"{rates[1][first]:.6g} now{_advice(before, old_length, new_length)}",
        )


def _advice(before: ConfigDict, old_length: int, new_length: int) -> str:
    """How a run of another length keeps the drops of the learning rate where they were."""
    if before.train.schedule != "step" or new_length < old_length:
        return ""
    drops = [f"{share * old_length / new_length:.9g}," for share in before.train.drops]
    return f"; --config.train.drops=({''.join(drops)}) leaves the drops where they were"
