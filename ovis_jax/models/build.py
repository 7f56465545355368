"""config.model to a system, by the table of names."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util
from ml_collections import ConfigDict

from ovis_jax.formats.errors import InputError
from ovis_jax.models.builders import (
    crossvis,
    feelvos,
    idol,
    mask_track_rcnn,
    queryvis,
    sipmask,
    stem_seg,
    stmask,
    trades,
    videomt,
)

INIT_SIDE = 64
BUILDERS: dict[str, Callable[[ConfigDict], nn.Module]] = {
    "mask_track_rcnn": mask_track_rcnn.build,
    "sipmask": sipmask.build,
    "crossvis": crossvis.build,
    "videomt": videomt.build,
    "queryvis": queryvis.build,
    "feelvos": feelvos.build,
    "stem_seg": stem_seg.build,
    "stmask": stmask.build,
    "trades": trades.build,
    "idol": idol.build,
}


def build_system(config: ConfigDict) -> nn.Module:
    """Builds the system of `config.model` with the sizes of `config.capacity`."""
    name = config.model.system
    if name not in BUILDERS:
        raise ValueError(f"system is {name!r}; expected {' or '.join(map(repr, BUILDERS))}")
    return BUILDERS[name](config)


def build_model(config: ConfigDict) -> tuple[nn.Module, dict]:
    """The system of `config.model` and the shapes of its variables.

    Raises:
      InputError: a part of the model does not take a value.
    """
    for field in ("num_classes", "num_identities"):  # which not every system has
        if field in config.model and config.model[field] < 1:
            raise InputError(
                f"config.model.{field}: {config.model[field]}, expected at least 1; 0 stands "
                "for those of the training annotations where there are any"
            )
    try:
        system = build_system(config)
        shapes = jax.tree.map(lambda x: x, variable_shapes(system))  # a tree of the caller's own
    except (TypeError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(f"config.model: {type(error).__name__}: {reason}") from error
    return system, shapes


@functools.lru_cache(maxsize=32)
def variable_shapes(system: nn.Module) -> dict:
    """Shapes of the variables; not to be changed, since equal systems share them."""
    return jax.eval_shape(lambda key: init_variables(system, key), jax.random.key(0))


def class_layers(config: ConfigDict) -> list[str]:
    """Paths of the layers whose parameters depend on the number of classes, such as "box/logits".

    Raises:
      InputError: as `build_model`.
    """
    more = config.copy_and_resolve_references()
    more.model.num_classes += 1
    own, other = (
        traverse_util.flatten_dict(build_model(each)[1]["params"], sep="/")
        for each in (config, more)
    )
    changed = [path for path in own if own[path].shape != other[path].shape]
    return list(dict.fromkeys(path.rpartition("/")[0] for path in changed))


def init_variables(system: nn.Module, key: jax.Array) -> dict:
    """Freshly initialised variables.

    `params` and, with batch norm, `batch_stats` (frozen) or `running_stats` (that training moves).
    """
    frames = jnp.zeros((1, INIT_SIDE, INIT_SIDE, 3), jnp.uint8)
    initialise = jax.jit(lambda k: system.init(k, frames, method="initialise"))
    return initialise(key)
