"""STMask small enough for every test of the models; its frames are those of `models.tiny`."""

import functools

import jax
import jax.numpy as jnp

from configs import quickstart_stmask
from ovis_jax.models.build import build_system, init_variables


def tiny_config(**model):
    """The quickstart network, narrower."""
    config = quickstart_stmask.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.num_prototypes = 4
    config.model.backbone.width = 8
    config.model.neck.channels = 16
    config.model.anchors.update(channels=8, tower_convs=1, embedding_size=8)
    config.model.prototypes.update(channels=8, num_convs=1)
    config.model.shift.channels = 8
    config.model.update(model)
    config.capacity.update(candidates=20, detections=8, positives=12, tracks=20)
    return config.lock()


@functools.cache
def tiny_system(**model):
    """A system, and variables with which anchors are sure of some class and masks fill boxes."""
    system = build_system(tiny_config(**model))
    variables = init_variables(system, jax.random.key(0))
    anchors = variables["params"]["anchors"]
    for i in range(3):
        anchors[f"logits_{i}"]["kernel"] *= 10
        anchors[f"centerness_{i}"]["bias"] = jnp.ones(1)
        anchors[f"coefficients_{i}"]["bias"] = jnp.full(4, 0.5)
    return system, variables
