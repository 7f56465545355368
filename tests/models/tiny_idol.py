"""IDOL small enough for every test of the models; its frames are those of `models.tiny`."""

import functools

import jax
import jax.numpy as jnp

from configs import quickstart_idol
from ovis_jax.models.build import build_system, init_variables


def tiny_config(**model):
    """The quickstart network, narrower."""
    config = quickstart_idol.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.backbone.width = 8
    config.model.transformer.update(
        num_queries=8, channels=16, num_layers=2, num_heads=2, num_points=2, feedforward=16
    )
    config.model.transformer.dropout = 0.1  # which the quickstart leaves out
    config.model.head.hidden = (4,)
    config.model.update(model)
    config.capacity.update(detections=8, tracks=20)
    return config.lock()


@functools.cache
def tiny_system(**model):
    """A system, and variables with which queries differ in places, scores and embeddings."""
    system = build_system(tiny_config(**model))
    variables = init_variables(system, jax.random.key(0))
    params = variables["params"]
    params["transformer"]["first_places"]["kernel"] *= 4
    params["head"]["embedding"]["layers_2"]["kernel"] *= 40
    for number in range(system.transformer.num_layers):
        last = params["transformer"][f"boxes_{number}"]["layers_2"]
        last["kernel"] = 0.3 * jax.random.normal(jax.random.key(number), last["kernel"].shape)
        last = params["head"][f"class_logits_{number}"]
        last["bias"] = jnp.zeros_like(last["bias"])
    return system, variables
