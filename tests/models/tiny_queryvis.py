"""QueryVIS small enough for every test of the models; its frames are those of `models.tiny`."""

import functools

import jax
import jax.numpy as jnp

from configs import quickstart_queryvis
from ovis_jax.models.build import build_system, init_variables


def tiny_config(**model):
    """The quickstart network, narrower, with batch norms of pairs of frames."""
    config = quickstart_queryvis.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.num_stages = 2
    config.model.backbone.width = 8
    config.model.neck.channels = 16
    config.model.queries.update(num_queries=4, channels=16)
    config.model.stage.update(num_heads=2, hidden=4, feedforward=16)
    config.model.mask.update(channels=8, num_convs=1, hidden=4, norm="batch", group_rows=2)
    config.model.track.update(channels=16, hidden=4)
    config.model.update(model)
    config.capacity.update(detections=8, tracks=20)
    return config.lock()


@functools.cache
def tiny_system(**model):
    """A system, and variables with which queries begin inside of the frame and have scores."""
    system = build_system(tiny_config(**model))
    variables = init_variables(system, jax.random.key(0))
    boxes = jax.random.uniform(jax.random.key(1), variables["params"]["queries"]["boxes"].shape)
    variables["params"]["queries"]["boxes"] = 0.2 + 0.5 * boxes
    last = variables["params"][f"stages_{len(system.stages) - 1}"]
    last["logits"]["bias"] = jnp.zeros_like(last["logits"]["bias"])
    return system, variables
