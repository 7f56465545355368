"""Stochastic gradient descent as PyTorch computes it, or AdamW, on what is trained."""

import dataclasses
import fnmatch
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax
from flax import traverse_util

from ovis_jax.formats.errors import InputError
from ovis_jax.ops import implementations

OPTIMIZERS = ("sgd", "adamw")
_JOINED = 2**20  # numbers; an array of more is worth a kernel of its own


@dataclasses.dataclass(frozen=True)
class Descent:
    """What becomes of gradients.

    "sgd" is v = momentum * v + (gradient + weight_decay * p);  p -= rate * v, the published recipe.
    "adamw" (Loshchilov and Hutter 2019) gets a small network from scratch much further in the few
    steps of a quickstart; its decay stands outside the moments.

    Attributes:
      momentum: without dampening; the first moment's decay in "adamw".
      weight_decay: on trained parameters, biases and norms too.
      clip_norm: greatest norm of the gradients of all trained parameters together.
      name: "sgd" or "adamw".
      second_moment: its decay in "adamw".
      nesterov: "sgd" with Nesterov's correction: p -= rate * (momentum * v + gradient + ...).
    """

    momentum: float
    weight_decay: float
    clip_norm: float
    name: str = "sgd"
    second_moment: float = 0.99
    nesterov: bool = False

    def __post_init__(self):
        """Raises InputError for a value that means nothing."""
        if self.name not in OPTIMIZERS:
            expected = " or ".join(map(repr, OPTIMIZERS))
            raise InputError(f"config.train.optimizer: {self.name!r}, expected {expected}")
        if self.nesterov and self.name != "sgd":
            raise InputError("config.train.nesterov: True, expected False unless 'sgd' descends")
        for field in ("momentum", "second_moment"):
            if not 0 <= getattr(self, field) < 1:
                raise InputError(
                    f"config.train.{field}: expected 0 <= {field} < 1, is {getattr(self, field)}"
                )


def make_optimizer(
    schedule: optax.Schedule,
    trained: dict,
    descent: Descent,
    *,
    decayed: dict | None = None,
    factors: dict | None = None,
    delayed: tuple[dict, optax.Schedule] | None = None,
) -> optax.GradientTransformation:
    """Descends on clipped gradients.

    Args:
      schedule: learning rate of each step.
      trained: tree of bool like the parameters; the others never change and keep no momentum.
      descent: on the gradients of those that are trained.
      decayed: tree of bool like the parameters, whether their weights decay; None: all.
      factors: tree of float like the parameters, of which each multiplies the learning rate of its
        parameter; None for 1 throughout.
      delayed: tree of bool like the parameters, and the schedule of those that have another one.
    """
    decay = optax.add_decayed_weights(descent.weight_decay, decayed)
    if descent.name == "sgd":
        moments = (decay, optax.trace(descent.momentum, nesterov=descent.nesterov))
    else:
        moments = (optax.scale_by_adam(descent.momentum, descent.second_moment), decay)
    steps = (clip_by_norm(descent.clip_norm), *moments, optax.scale_by_learning_rate(schedule))
    descend = optax.partition({True: optax.chain(*steps), False: optax.set_to_zero()}, trained)
    scales = []
    if factors is not None:
        scale = optax.stateless(lambda updates, _: jax.tree.map(jnp.multiply, updates, factors))
        scales.append(scale)
    if delayed is not None:
        scales.append(_other_schedule(schedule, *delayed))
    return optax.chain(descend, *scales) if scales else descend


def _other_schedule(
    schedule: optax.Schedule, delayed: dict, other: optax.Schedule
) -> optax.GradientTransformation:
    """Turns updates of some parameters by one schedule into updates by another one."""

    def update(updates, state, params=None):
        del params
        usual = schedule(state.count)
        ratio = other(state.count) / jnp.where(usual > 0, usual, 1)
        changed = jax.tree.map(lambda x, late: x * ratio if late else x, updates, delayed)
        return changed, optax.ScaleByScheduleState(count=optax.safe_increment(state.count))

    return optax.GradientTransformation(
        lambda params: optax.ScaleByScheduleState(count=jnp.zeros([], jnp.int32)), update
    )


def trained_parameters(params: dict, frozen: Sequence[str]) -> dict:
    """Tree of bool like `params`: whether a parameter is trained.

    Args:
      params: tree of parameters.
      frozen: paths such as "backbone/stem", each standing for all parameters below it; "*" stands
        for any text between two slashes, "**" for any number of parts of a path.

    Raises:
      InputError: a path holds no parameter.
    """
    return _outside(params, frozen, "config.train.frozen")


def decayed_parameters(params: dict, undecayed: Sequence[str]) -> dict | None:
    """Tree of bool like `params`: whether the weights decay; None if all do.

    Args:
      params: tree of parameters.
      undecayed: paths as in `trained_parameters`, such as "**/norm*".

    Raises:
      InputError: a path holds no parameter.
    """
    return _outside(params, undecayed, "config.train.undecayed") if undecayed else None


def delayed_parameters(params: dict, delayed: Sequence[str]) -> dict | None:
    """Tree of bool like `params`: whether a parameter has a later schedule; None if none has.

    Args:
      params: tree of parameters.
      delayed: paths as in `trained_parameters`.

    Raises:
      InputError: a path holds no parameter.
    """
    if not delayed:
        return None
    outside = _outside(params, delayed, "config.train.delayed.paths")
    return jax.tree.map(lambda usual: not usual, outside)


def rate_factors(params: dict, slowed: Sequence[tuple[str, float]]) -> dict | None:
    """Tree of float like `params`: factors on the learning rate; None if all are 1.

    Args:
      params: tree of parameters.
      slowed: (path, factor), with paths as in `trained_parameters`; the last one counts.
        Paths that the model lacks mean nothing, so that variants of it share a configuration.
    """
    factors = dict.fromkeys(traverse_util.flatten_dict(params, sep="/"), 1.0)
    for prefix, factor in slowed:
        factors |= {path: float(factor) for path in factors if _below(path, prefix)}
    if set(factors.values()) == {1.0}:
        return None
    return traverse_util.unflatten_dict(factors, sep="/")


def trained_norm(gradients: dict, trained: dict) -> jax.Array:
    """L2 norm of the gradients of all trained parameters together."""
    kept = jax.tree.map(lambda gradient, use: gradient if use else None, gradients, trained)
    return norm(kept)


def norm(tree: dict) -> jax.Array:
    """L2 norm of all arrays of a tree together.

    On GPUs a sum of a small array is a launch and little else, so small arrays are joined first.
    """
    if not implementations.few_kernels():
        return optax.tree.norm(tree)
    arrays = [x.ravel() for x in jax.tree.leaves(tree)]
    small = [x for x in arrays if x.size < _JOINED]
    large = [x for x in arrays if x.size >= _JOINED]
    joined = [jnp.concatenate(small)] if small else []
    return jnp.sqrt(sum(jnp.sum(jnp.square(x)) for x in [*joined, *large]))


def clip_by_norm(limit: float) -> optax.GradientTransformation:
    """Scales all gradients by limit / (norm + 1e-6) where that is below 1, as PyTorch does."""

    def update(gradients, state, params=None):
        del params
        factor = jnp.minimum(limit / (norm(gradients) + 1e-6), 1)
        return jax.tree.map(lambda gradient: gradient * factor, gradients), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _outside(params: dict, prefixes: Sequence[str], field: str) -> dict:
    """Tree of bool like `params`: whether a parameter lies below none of some paths."""
    paths = list(traverse_util.flatten_dict(params, sep="/"))
    for prefix in prefixes:
        if not any(_below(path, prefix) for path in paths):
            raise InputError(f"{field}: {prefix!r} holds no parameter of the model")
    outside = {path: not any(_below(path, prefix) for prefix in prefixes) for path in paths}
    return traverse_util.unflatten_dict(outside, sep="/")


def _below(path: str, prefix: str) -> bool:
    """Whether the first parts of a path match those of a pattern."""
    return _begin(path.split("/"), prefix.split("/"))


def _begin(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return True
    first, *rest = patterns
    if first == "**":
        return any(_begin(parts[skipped:], rest) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], first) and _begin(parts[1:], rest)
