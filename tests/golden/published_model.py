"""The published architecture at the golden clip's size, with the generated weights."""

import functools

import jax
import numpy as np
from golden.generated_weights import golden_variables
from golden_folder import golden_arrays, golden_json

from configs import cmasktrack_rcnn_r50_ovis
from ovis_jax.models.build import build_system, init_variables


@functools.cache
def published_model():
    """System and variables; the variables are shared by all tests of a process."""
    system = build_system(cmasktrack_rcnn_r50_ovis.get_config())
    template = jax.eval_shape(lambda key: init_variables(system, key), jax.random.key(0))
    return system, golden_variables(template)


def clip_canvases(resized_bgr: np.ndarray) -> np.ndarray:
    """Zero-padded RGB frames of resized BGR frames [..., h, w, 3], uint8."""
    height, width = resized_bgr.shape[-3:-1]
    pad = [(0, 0)] * (resized_bgr.ndim - 3) + [(0, -height % 32), (0, -width % 32), (0, 0)]
    return np.pad(resized_bgr[..., ::-1], pad)


def clip() -> np.ndarray:
    """The resized golden clip [T, h, w, 3], uint8 BGR."""
    return golden_arrays("cmasktrack_rcnn", "inputs.npz")["resized_bgr"]


def clip_scale() -> float:
    """Resized pixels per original pixel of the golden clip."""
    return golden_json("cmasktrack_rcnn", "manifest.json")["set"]["scale_factor"]
