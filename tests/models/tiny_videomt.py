"""VidEoMT small enough for every test of the models; its frames are those of `models.tiny`."""

import functools

import jax

from configs import quickstart_videomt
from ovis_jax.models.build import build_system, init_variables


def tiny_config(**model):
    """The quickstart network, narrower."""
    config = quickstart_videomt.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.encoder.update(
        width=16, depth=3, heads=2, query_blocks=2, registers=1, table_side=3, scale_init=1.0
    )
    config.model.head.update(num_queries=6)
    config.model.criterion.num_points = 16
    config.model.max_results = 4
    config.model.update(model)
    config.capacity.update(tracks=6)
    return config.lock()


@functools.cache
def tiny_system(**model):
    """A system, and variables with which queries differ in what they say."""
    system = build_system(tiny_config(**model))
    variables = init_variables(system, jax.random.key(0))
    params = variables["params"]
    params["head"]["class_logits"]["kernel"] *= 4
    return system, variables
