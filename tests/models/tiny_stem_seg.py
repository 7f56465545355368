"""STEm-Seg small enough for every test of the models; its frames are those of `models.tiny`."""

import functools

import jax

from configs import quickstart_stem_seg
from ovis_jax.models.build import build_system, init_variables


def tiny_config(**model):
    """The quickstart network, narrower, with clips of four frames that share two."""
    config = quickstart_stem_seg.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.backbone.width = 8
    config.model.neck.channels = 8
    config.model.groups = 2
    config.model.embedding.channels = config.model.semantic.channels = (8, 8, 4, 4)
    config.model.clustering.update(max_clusters=5, min_seediness=0.4)
    config.model.update(model)
    return config.lock()


@functools.cache
def tiny_system(**model):
    """A system, and variables with which the pixels of a clip differ."""
    system = build_system(tiny_config(**model))
    variables = init_variables(system, jax.random.key(0))
    params = variables["params"]
    params["embedding"]["embedding"]["kernel"] *= 4
    return system, variables
