"""Batch norm with the statistics of the batch in training, and running ones afterwards."""

import jax
import jax.numpy as jnp
from flax import linen as nn

RUNNING_STATS = "running_stats"
"""The collection of variables that `losses` may change; training averages it over the devices."""


class BatchNorm(nn.Module):
    """Batch norm as PyTorch computes it, with the statistics of each call in training.

    Every call with `training` moves the running statistics, one after the other, so that a norm
    that is called for each level or frame moves several times a step. Where nobody asks for
    `RUNNING_STATS` they stay, and the results are the same.

    In training, statistics are those of a group of rows, and the running ones move towards the mean
    over the groups. Published code has a group for each device. Here the same batch gives the same
    losses on any number of devices, if each has whole groups. Every microbatch has groups of its
    own, and moves the running statistics.

    Attributes:
      group_rows: rows of a group; 0: all that are at hand, those of a device and a microbatch, so
        that losses depend on how many there are.
      momentum: share of the new statistics in the running ones.
      epsilon: added to variances.
      dtype: of the results; statistics are float32.
    """

    group_rows: int = 0
    momentum: float = 0.1
    epsilon: float = 1e-5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array, *, training: bool) -> jax.Array:
        """Normalises the last axis of [B, ..., C].

        Args:
          x: rows, of which every number counts, padding too.
          training: with the statistics of `x` instead of the running ones.

        Raises:
          ValueError: in training, the rows are no whole groups, or a group has a single number for
            each channel.
        """
        shape = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        mean = self.variable(RUNNING_STATS, "mean", jnp.zeros, shape)
        var = self.variable(RUNNING_STATS, "var", jnp.ones, shape)
        if not training:
            factor = scale * jax.lax.rsqrt(var.value + self.epsilon)
            shift = bias - mean.value * factor
            return x * factor.astype(self.dtype) + shift.astype(self.dtype)
        groups = self._groups(x)
        own_mean = groups.mean(axis=1, keepdims=True)
        own_var = jnp.mean((groups - own_mean) ** 2, axis=1, keepdims=True)
        if self.is_mutable_collection(RUNNING_STATS) and not self.is_initializing():
            count = groups.shape[1]
            mean.value = self._moved(mean.value, own_mean)
            var.value = self._moved(var.value, own_var * (count / (count - 1)))
        normalised = (groups - own_mean) * jax.lax.rsqrt(own_var + self.epsilon)
        return (normalised * scale + bias).reshape(x.shape).astype(self.dtype)

    def _groups(self, x: jax.Array) -> jax.Array:
        """Rows [B, ..., C] as float32 groups [G, numbers of a channel, C]."""
        rows = self.group_rows or len(x)
        if len(x) % rows:
            raise ValueError(
                f"batch norm: {len(x)} rows on a device and in a microbatch, expected a multiple "
                f"of group_rows, {rows}"
            )
        groups = x.astype(jnp.float32).reshape(len(x) // rows, -1, x.shape[-1])
        if groups.shape[1] < 2:
            raise ValueError(
                f"batch norm: one number for each channel in {x.shape}; training expects more"
            )
        return groups

    def _moved(self, running: jax.Array, own: jax.Array) -> jax.Array:
        """Running statistics [C] a call later; own ones are [G, 1, C]."""
        own = jax.lax.stop_gradient(own).mean(axis=(0, 1))
        return (1 - self.momentum) * running + self.momentum * own
