"""Oracles: prediction in which annotations do the work of one part of a system.

"image" (paper, Table 4): annotated boxes, masks and classes are the detections of every frame, and
the system's own tracking branch links them. It asks for `embed_boxes(window, boxes)`, from boxes
[N, 4] of the query frame, in pixels of the resized frame, to their embeddings [N, E].

"adaptive_nms" (paper, Table 6): the threshold of the suppression among the detections of an
annotated object is max(d, threshold), d being the object's largest IoU with another one. It asks
`detect` to suppress with `truth_density(window.truth, ...)`.

Systems with the same parameters and another `oracle` are alike in everything else.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.formats.errors import InputError
from ovis_jax.ops.boxes import BoxConvention, corner_factors
from ovis_jax.ops.density import density_at
from ovis_jax.structures import Detections, Instances

IMAGE, ADAPTIVE_NMS = "image", "adaptive_nms"


def with_oracle(system: nn.Module, oracle: str, field: str) -> nn.Module:
    """The system with an oracle; "" leaves it as it is.

    Args:
      system: any.
      oracle: one of those that it has the parts for (`ORACLES`), or "".
      field: what the user set, for messages.

    Raises:
      InputError: it has no such part.
    """
    known = ("", *getattr(system, "ORACLES", ()))
    if oracle not in known:
        expected = " or ".join(map(repr, known))
        raise InputError(f"{field}: {oracle!r}, expected {expected} for {type(system).__name__}")
    return system.clone(oracle=oracle) if oracle else system


def oracle_of(system: nn.Module) -> str:
    """The oracle of a system; "" of those that know none, too."""
    return getattr(system, "oracle", "")


def annotated_detections(truth: Instances, embeddings: jax.Array, scale: jax.Array) -> Detections:
    """Annotated objects as the detections of a frame, each with the score 1.

    Their masks stay where they are: `source` names them, and what writes the output reads them.

    Args:
      truth: [N, ...] of the frame, valid slots first.
      embeddings: [N, E] of its boxes.
      scale: [2] or [], resized pixels per original pixel in x and in y, or in both.
    """
    valid = truth.valid
    boxes = jnp.where(valid[:, None], truth.boxes, 0) / corner_factors(scale)
    return Detections(
        boxes=boxes,
        scores=valid.astype(jnp.float32),
        labels=jnp.where(valid, truth.labels, 0),
        embeddings=embeddings,
        mask_logits=jnp.zeros((len(valid), 1, 1)),
        mask_boxes=boxes,
        valid=valid,
        overflow=jnp.zeros((), jnp.int32),
        source=truth.identities,
    )


def truth_density(
    truth: Instances | None, scale: jax.Array, convention: BoxConvention
) -> Callable[[jax.Array], jax.Array] | None:
    """From boxes [C, 4] of a frame to the densities [C] of the objects that they overlap most.

    Args:
      truth: [N, ...] of the frame; None: there is no such function.
      scale: [2] or [], resized pixels per original pixel, which the boxes are in.
      convention: in which the suppression measures overlap.
    """
    if truth is None:
        return None
    objects = jnp.where(truth.valid[:, None], truth.boxes, 0) / corner_factors(scale)
    return functools.partial(density_at, objects=objects, valid=truth.valid, convention=convention)
