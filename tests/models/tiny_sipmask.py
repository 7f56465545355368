"""SipMask small enough for every test of the models; its frames are those of `models.tiny`."""

import functools

import jax
import jax.numpy as jnp

from configs import quickstart_csipmask
from ovis_jax.models.build import build_system, init_variables


def tiny_config(calibrated: bool = True, **references):
    """The quickstart network, narrower, and with detections from the start."""
    config = quickstart_csipmask.get_config().copy_and_resolve_references()
    config.unlock()
    config.model.backbone.width = 8
    config.model.neck.channels = 16
    config.model.fcos.update(channels=16, class_convs=1, box_convs=1, align_groups=1)
    config.model.fcos.score_threshold = 0.001
    config.model.mask.update(num_basis=4, channels=16)
    config.model.track.update(channels=16, tower_channels=16, num_convs=1)
    config.model.calibration.update(displacements=2, channels=16, num_convs=1, init_scale=1.0)
    if not calibrated:
        config.model.calibration = None
    config.model.references.update(references)
    config.predict.reference_window = 2
    config.capacity.update(
        level_candidates=20, class_candidates=20, detections=8, tracks=20, positives=32
    )
    return config.lock()


@functools.cache
def tiny_system(calibrated: bool = True):
    """A system, and variables with which points predict boxes of several pixels."""
    system = build_system(tiny_config(calibrated))
    variables = init_variables(system, jax.random.key(0))
    params = variables["params"]
    params["fcos"]["distances"]["bias"] = jnp.full(4, 1.5)
    params["fcos"]["distances"]["kernel"] *= 10
    params["fcos"]["class_logits"]["kernel"] *= 10
    for layer in ("coefficient", "basis0", "basis1"):
        params["mask"][layer]["kernel"] *= 10
    params["fcos"]["align"]["offset"]["kernel"] += 0.1
    return system, variables
