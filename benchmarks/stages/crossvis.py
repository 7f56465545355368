"""Stages of CrossVIS."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from benchmarks.stages.calibrated import calibration, query_pyramid
from ovis_jax.structures import Window

SIDE = 4.0  # distance of each side of a predicted box, in strides


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low."""
    model.fcos.score_threshold = 0.0


def with_objects(variables: dict) -> dict:
    """Weights with which points predict boxes of some size and masks that fill the frame."""
    params = variables["params"]
    fcos, mask = params["fcos"], params["mask"]
    distances = fcos["distances"] | {"bias": jnp.full(4, SIDE)}
    controller = mask["controller"]
    controller = controller | {"bias": controller["bias"].at[-1].set(1.0)}  # of the last layer
    params = params | {
        "fcos": fcos | {"distances": distances},
        "mask": mask | {"controller": controller},
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
    features = stage(lambda system, x: system.mask.features(x, False), calibrated)
    return {
        "calibrate": calibrate,
        "towers and boxes": head,
        "decode, NMS": decode,
        "mask branch": features,
        "masks": stage("segment", maps, features(), found.source, weights),
        "embeddings": stage(lambda system, x: system.reid(x), query),
    }
