"""FEELVOS small enough for every test of the models; its frames are those of `models.tiny`."""

import functools

import jax

from configs import quickstart_feelvos
from ovis_jax.models.build import build_system, init_variables


def tiny_config(**model):
    """The quickstart network, narrower, whose detections all may begin tracks."""
    config = quickstart_feelvos.get_config().copy_and_resolve_references()
    config.unlock()
    config.capacity.update(
        level_proposals=40, proposals=30, candidates=60, detections=8, tracks=4, objects=3
    )
    config.model.backbone.width = 8
    config.model.neck.channels = 16
    config.model.rpn.anchor_scale = 4.0
    config.model.box.update(channels=32, num_samples=16, max_positive=6, score_threshold=0.05)
    config.model.embedding.size = 8
    config.model.propagation.channels = 8
    config.model.rules.start_score = 0.05
    config.model.update(reference_pixels=16, radius=2)
    config.model.update(model)
    return config.lock()


@functools.cache
def tiny_system(**model):
    """A system and its freshly initialised variables."""
    system = build_system(tiny_config(**model))
    return system, init_variables(system, jax.random.key(0))
