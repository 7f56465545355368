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
    def __call__(
        self, x: jax.Array, *, training: bool, valid: jax.Array | None = None
    ) -> jax.Array:
        """Normalises the last axis of [B, ..., C].

        Args:
          x: rows, of which every number counts, padding too, unless `valid` is given.
          training: with the statistics of `x` instead of the running ones.
          valid: in training, bool of the first axes of `x`, such as [B, N] of [B, N, h, w, C]: of
            which items statistics are taken. A group without any moves no running statistics.

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
        if valid is None:
            exists, count = None, groups.shape[1]
        else:
            exists = jnp.broadcast_to(_with_axes(valid, x.ndim), (*x.shape[:-1], 1))
            exists = exists.reshape(*groups.shape[:2], 1)
            groups = jnp.where(exists, groups, 0)
            count = exists.sum(axis=1, keepdims=True, dtype=jnp.float32)
        own_mean = _mean(groups, exists, count)
        own_var = _mean((groups - own_mean) ** 2, exists, count)
        if self.is_mutable_collection(RUNNING_STATS) and not self.is_initializing():
            mean.value = self._moved(mean.value, own_mean, count)
            var.value = self._moved(var.value, own_var * _unbiased(count), count)
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

    def _moved(self, running: jax.Array, own: jax.Array, count: jax.Array | int) -> jax.Array:
        """Running statistics [C] a call later; own ones are [G, 1, C], of `count` numbers each."""
        own = jax.lax.stop_gradient(own)
        if isinstance(count, int):
            return (1 - self.momentum) * running + self.momentum * own.mean(axis=(0, 1))
        exists = count > 0
        mean = _mean(own, exists, jnp.maximum(exists.sum(), 1), axis=(0, 1))
        return jnp.where(
            exists.any(), (1 - self.momentum) * running + self.momentum * mean, running
        )


def _with_axes(valid: jax.Array, ndim: int) -> jax.Array:
    """The same with as many axes."""
    return valid.reshape(*valid.shape, *[1] * (ndim - valid.ndim))


def _mean(x: jax.Array, exists: jax.Array | None, count: jax.Array | int, axis=1) -> jax.Array:
    """Mean over the numbers that exist, of which there are `count`; 0 without any."""
    if exists is None:
        return x.mean(axis=axis, keepdims=True)
    total = jnp.sum(jnp.where(exists, x, 0), axis=axis, keepdims=axis == 1)
    return total / jnp.maximum(count, 1)


def _unbiased(count: jax.Array | int) -> jax.Array | float:
    """Factor from the variance of a sample of `count` numbers to that of what it was taken from."""
    if isinstance(count, int):
        return count / (count - 1)
    return count / jnp.maximum(count - 1, 1)
