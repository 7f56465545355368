"""Stages of SipMask."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from benchmarks.stages.calibrated import calibration, query_pyramid
from ovis_jax.ops.boxes import corner_factors
from ovis_jax.structures import Window

SIDE = 4.0  # distance of each side of a predicted box, in strides


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low."""
    model.fcos.score_threshold = 0.0


def with_objects(variables: dict) -> dict:
    """Weights with which points predict boxes of some size and masks that fill them."""
    params = variables["params"]
    fcos, mask = params["fcos"], params["mask"]
    distances = fcos["distances"] | {"bias": jnp.full(4, SIDE)}
    coefficient = mask["coefficient"] | {"bias": jnp.ones_like(mask["coefficient"]["bias"])}
    params = params | {
        "fcos": fcos | {"distances": distances},
        "mask": mask | {"coefficient": coefficient},
    }
    return variables | {"params": params}


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed; see `benchmarks.inference.stages_of_ours`."""
    calibrate, query = calibration(system, stage, window), query_pyramid(window)
    calibrated = calibrate()
    references = len(calibrated[0])
    weights = jnp.full(references, 1 / references)
    head = stage(lambda system, x: system.fcos(x), calibrated)
    maps = head()
    decode = stage("decode", maps, weights, window.image_size, window.scale)
    found = decode()
    basis = stage("basis", query, maps)
    resized = found.boxes * corner_factors(window.scale)
    return {
        "calibrate": calibrate,
        "towers and boxes": head,
        "decode, fast NMS": decode,
        "basis maps": basis,
        "masks": stage("segment", maps, basis(), found.source, resized, weights),
        "tracking map": stage(lambda system, x: system.track(x), query),
    }
