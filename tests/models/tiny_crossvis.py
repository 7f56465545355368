"""CrossVIS small enough for every test of the models; its frames are those of `models.tiny`."""

import functools

import jax
import jax.numpy as jnp

from configs import quickstart_ccrossvis
from ovis_jax.models.build import build_system, init_variables


def tiny_config(calibrated: bool = False, **model):
    """The quickstart network, narrower, with batch norms of pairs of rows."""
    config = quickstart_ccrossvis.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.num_identities = 7
    config.model.backbone.width = 8
    config.model.neck.channels = 16
    config.model.fcos.update(channels=16, class_convs=1, box_convs=1, score_threshold=0.001)
    config.model.mask.update(
        num_features=2, hidden=(2,), branch_channels=8, branch_convs=1, norm="batch", group_rows=2
    )
    config.model.reid.update(channels=16, tower_channels=16, num_convs=1, norm="batch")
    config.model.reid.group_rows = 2
    config.model.calibration.update(displacements=2, channels=16, num_convs=1, init_scale=1.0)
    if not calibrated:
        config.model.calibration = None
    config.model.update(model)
    config.predict.reference_window = 2
    config.capacity.update(level_candidates=20, candidates=60, detections=8, tracks=20)
    return config.lock()


@functools.cache
def tiny_system(calibrated: bool = False, **model):
    """A system, and variables with which points predict boxes of several pixels."""
    system = build_system(tiny_config(calibrated, **model))
    variables = init_variables(system, jax.random.key(0))
    params = variables["params"]
    params["fcos"]["distances"]["bias"] = jnp.full(4, 1.5)
    params["fcos"]["distances"]["kernel"] *= 10
    params["fcos"]["class_logits"]["kernel"] *= 10
    params["mask"]["controller"]["kernel"] *= 4
    return system, variables
