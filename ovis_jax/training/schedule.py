"""Learning rate as a function of the step."""

import math
from collections.abc import Sequence

import jax.numpy as jnp
import optax

from ovis_jax.formats.errors import InputError

FULL_SCHEDULE_BATCH = 16  # frame pairs a step that configured learning rates belong to
SCHEDULES = ("step", "cosine")


def scaled_learning_rate(learning_rate: float, batch_size: int) -> float:
    """The rate for `batch_size` pairs a step, proportional to it (Goyal et al., 2017)."""
    return learning_rate * batch_size / FULL_SCHEDULE_BATCH


def learning_rate_schedule(
    kind: str,
    peak: float,
    num_steps: int,
    *,
    warmup_steps: int,
    warmup_factor: float,
    drops: Sequence[float],
) -> optax.Schedule:
    """The rate of every step: a regular schedule times a linear warm-up, as in mmdetection 0.x.

    Args:
      kind: "step", a tenth from each drop on; or "cosine", half a period down to zero.
      peak: rate before any drop.
      num_steps: length of the run.
      warmup_steps: steps of the warm-up.
      warmup_factor: share of the regular rate at step 0; rises linearly to 1.
      drops: shares of the run, in (0, 1); used by "step".

    Raises:
      InputError: there is no such schedule.
    """
    if kind not in SCHEDULES:
        raise InputError(f"config.train.schedule: expected one of {SCHEDULES}, is {kind!r}")
    boundaries = jnp.array([round(share * num_steps) for share in drops], jnp.int32)

    def regular(step):
        if kind == "step":
            return peak * 0.1 ** jnp.sum(step >= boundaries)
        return peak * 0.5 * (1 + jnp.cos(math.pi * jnp.minimum(step / num_steps, 1)))

    def schedule(step):
        missing = jnp.clip(1 - step / warmup_steps, 0, 1) if warmup_steps else 0.0
        return regular(step) * (1 - missing * (1 - warmup_factor))

    return schedule
