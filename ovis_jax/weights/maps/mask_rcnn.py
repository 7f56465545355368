"""Neck and heads of Mask R-CNN as a table: which of our layers stands where in any library."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ovis_jax.weights.layouts import (
    Layout,
    convolution,
    linear,
    pointwise,
    roi_linear,
    transposed_convolution,
)
from ovis_jax.weights.maps.parts import affine
from ovis_jax.weights.rules import Rule

LEVELS = range(2, 6)
BOX_SIZE = 7


@dataclasses.dataclass(frozen=True)
class MaskRCNNNames:
    """What a library calls the layers behind the backbone.

    Attributes:
      laterals: of the FPN for C2...C5.
      outputs: of the FPN for P2...P5.
      rpn: hidden layer, objectness, deltas.
      box: the two hidden layers of the box head.
      mask: the convolutions of the mask head.
      upsample: the transposed convolution of the mask head.
      classes: class logits, deltas and mask logits, which depend on the classes.
    """

    laterals: Sequence[str]
    outputs: Sequence[str]
    rpn: tuple[str, str, str]
    box: tuple[str, str]
    mask: Sequence[str]
    upsample: str
    classes: tuple[str, str, str]

    def body(self) -> dict[str, Rule]:
        """Everything that does not depend on the classes."""
        return (
            _layers(self.laterals, [f"neck/lateral{i}/conv" for i in LEVELS], convolution)
            | _layers(self.outputs, [f"neck/output{i}/conv" for i in LEVELS], convolution)
            | _layers(self.rpn, ("rpn/hidden", "rpn/logits", "rpn/deltas"), convolution)
            | affine(self.box[0], "box/fc0", roi_linear(BOX_SIZE))
            | affine(self.box[1], "box/fc1", linear)
            | _layers(self.mask, [f"mask/conv{i}/conv" for i in range(4)], convolution)
            | affine(self.upsample, "mask/upsample", transposed_convolution)
        )

    def class_layers(self) -> dict[str, Rule]:
        """The last layers of box and mask head."""
        logits, deltas, masks = self.classes
        return (
            affine(logits, "box/logits", linear)
            | affine(deltas, "box/deltas", linear)
            | affine(masks, "mask/logits", pointwise)
        )

    def class_patterns(self) -> tuple[str, ...]:
        """What the names of the class layers' arrays look like."""
        return tuple(f"{name}.*" for name in self.classes)


def _layers(theirs: Sequence[str], ours: Sequence[str], layout: Layout) -> dict[str, Rule]:
    table = {}
    for name, own in zip(theirs, ours, strict=True):
        table |= affine(name, own, layout)
    return table
