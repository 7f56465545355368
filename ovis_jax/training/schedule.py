"""Learning rate as a function of the step."""

import dataclasses
import math
from collections.abc import Sequence

import jax.numpy as jnp
import optax

from ovis_jax.formats.errors import InputError

FULL_SCHEDULE_BATCH = 16  # frame pairs a step that configured learning rates belong to
SCHEDULES = ("step", "cosine", "polynomial", "exponential")


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A regular schedule times a linear warm-up, as in mmdetection 0.x.

    Attributes:
      kind: "step", a tenth from each drop on; "cosine", half a period down to zero; "polynomial",
        (1 - t) ** power, t being the share of the run; "exponential", the peak until the first
        drop, from there down to `final_factor` at the end of the run.
      warmup_steps: steps of the warm-up.
      warmup_factor: share of the regular rate at step 0; rises linearly to 1.
      drops: shares of the run, in (0, 1).
      power: of "polynomial".
      final_factor: of "exponential": share of the peak at the end of the run.
      after_warmup: the regular schedule begins when the warm-up ends, not with the run.
      delay: steps, before the warm-up, in which the rate is 0.
    """

    kind: str = "step"
    warmup_steps: int = 0
    warmup_factor: float = 1.0
    drops: Sequence[float] = ()
    power: float = 0.9
    final_factor: float = 0.01
    after_warmup: bool = False
    delay: int = 0

    def __post_init__(self):
        """Raises InputError if there is no such schedule."""
        if self.kind not in SCHEDULES:
            raise InputError(
                f"config.train.schedule: expected one of {SCHEDULES}, is {self.kind!r}"
            )
        for name in ("power", "final_factor"):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"config.train.schedule_{name}: expected more than 0, is {getattr(self, name)}"
                )


def scaled_learning_rate(learning_rate: float, batch_size: int) -> float:
    """The rate for `batch_size` pairs a step, proportional to it (Goyal et al., 2017)."""
    return learning_rate * batch_size / FULL_SCHEDULE_BATCH


def learning_rate_schedule(schedule: Schedule, peak: float, num_steps: int) -> optax.Schedule:
    """The rate of every step.

    Args:
      schedule: how it goes.
      peak: rate before any fall.
      num_steps: length of the run.
    """

    def rate(step):
        warm = step - schedule.delay
        missing = 0.0
        if schedule.warmup_steps:
            missing = jnp.clip(1 - warm / schedule.warmup_steps, 0, 1)
        skipped = schedule.delay + schedule.warmup_steps if schedule.after_warmup else 0
        regular = _regular_rate(schedule, peak, num_steps - skipped, jnp.maximum(step - skipped, 0))
        regular = regular * (1 - missing * (1 - schedule.warmup_factor))
        return jnp.where(warm < 0, 0.0, regular) if schedule.delay else regular

    return rate


def _regular_rate(schedule: Schedule, peak: float, num_steps: int, step):
    """The rate of a step without warm-up."""
    if schedule.kind == "step":
        boundaries = [round(share * num_steps) for share in schedule.drops]
        return peak * 0.1 ** jnp.sum(step >= jnp.array(boundaries, jnp.int32))
    share = jnp.minimum(step / num_steps, 1)
    if schedule.kind == "cosine":
        return peak * 0.5 * (1 + jnp.cos(math.pi * share))
    if schedule.kind == "polynomial":
        return peak * (1 - share) ** schedule.power
    start = schedule.drops[0] if schedule.drops else 0.0
    fallen = jnp.maximum(share - start, 0) / (1 - start)
    return peak * schedule.final_factor**fallen
