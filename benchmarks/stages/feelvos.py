"""Stages of FEELVOS: those of its detector, and what carries objects to the next frame."""

from collections.abc import Callable

import jax
from flax import linen as nn
from ml_collections import ConfigDict

from benchmarks.stages import mask_track_rcnn
from ovis_jax.models.systems.feelvos import pixels_and_pyramid
from ovis_jax.structures import Window

TRACKS = 10  # live at once, as in the published configuration


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low, so that tracks begin, too."""
    mask_track_rcnn.keep_all_detections(model)
    model.rules.start_score = 0.0


def with_objects(variables: dict) -> dict:
    """Weights with which the objects have some size, as of the detector."""
    return mask_track_rcnn.with_objects(variables)


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed; see `benchmarks.inference.stages_of_ours`."""
    pixels, pyramid = pixels_and_pyramid(jax.tree.map(lambda x: x[:1], window.features))
    propose = stage("propose", pyramid, window.image_size[None])
    classify = stage("classify", pyramid, propose().boxes)

    def carry(system, pixels):
        memory = system.init_memory(TRACKS, [pixels[0]])
        embeddings = system.embedding(pixels)[0]
        return system.propagate(pixels, embeddings, memory)

    return {"propose": propose, "classify": classify, "propagate": stage(carry, pixels)}
