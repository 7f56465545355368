"""Stochastic gradient descent as PyTorch computes it, on the parameters that are trained."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax
from flax import traverse_util

from ovis_jax.formats.errors import InputError


def make_optimizer(
    schedule: optax.Schedule,
    trained: dict,
    *,
    momentum: float,
    weight_decay: float,
    clip_norm: float,
) -> optax.GradientTransformation:
    """Descends by v = momentum * v + (clipped gradient + weight_decay * p);  p -= rate * v.

    Args:
      schedule: learning rate of each step.
      trained: tree of bool like the parameters; the others never change and keep no momentum.
      momentum: without Nesterov's correction or dampening.
      weight_decay: on every trained parameter, biases and norms too.
      clip_norm: greatest norm of the gradients of all trained parameters together.
    """
    descent = optax.chain(
        clip_by_norm(clip_norm),
        optax.add_decayed_weights(weight_decay),
        optax.trace(momentum),
        optax.scale_by_learning_rate(schedule),
    )
    return optax.partition({True: descent, False: optax.set_to_zero()}, trained)


def trained_parameters(params: dict, frozen: Sequence[str]) -> dict:
    """Tree of bool like `params`: whether a parameter is trained.

    Args:
      params: tree of parameters.
      frozen: paths such as "backbone/stem", each standing for all parameters below it.

    Raises:
      InputError: a path holds no parameter.
    """
    paths = list(traverse_util.flatten_dict(params, sep="/"))
    for prefix in frozen:
        if not any(_below(path, prefix) for path in paths):
            raise InputError(f"config.train.frozen: {prefix!r} holds no parameter of the model")
    trained = {path: not any(_below(path, prefix) for prefix in frozen) for path in paths}
    return traverse_util.unflatten_dict(trained, sep="/")


def trained_norm(gradients: dict, trained: dict) -> jax.Array:
    """L2 norm of the gradients of all trained parameters together."""
    kept = jax.tree.map(lambda gradient, use: gradient if use else None, gradients, trained)
    return optax.tree.norm(kept)


def clip_by_norm(limit: float) -> optax.GradientTransformation:
    """Scales all gradients by limit / (norm + 1e-6) where that is below 1, as PyTorch does."""

    def update(gradients, state, params=None):
        del params
        factor = jnp.minimum(limit / (optax.tree.norm(gradients) + 1e-6), 1)
        return jax.tree.map(lambda gradient: gradient * factor, gradients), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")
