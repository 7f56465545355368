"""Padded records that travel between the stages; each is documented here, once.

Every per-item field has a fixed capacity and comes with `valid`. What stands in an invalid slot is
unspecified (it may be NaN) and reaches no result and no gradient.

Boxes are `(x1, y1, x2, y2)`. Leading batch axes are allowed everywhere and written `...`.
Axis letters: B batch, N instances, P proposals, D detections, K classes, E embedding.
"""

from __future__ import annotations

from typing import Any

import flax
import jax

Features = Any  # a pytree of arrays that share their leading axes, such as the levels of a pyramid


@flax.struct.dataclass
class Instances:
    """Annotated objects of one frame, in pixels of the resized, unpadded frame.

    Attributes:
      boxes: [..., N, 4] float32.
      labels: [..., N] int32 in [0, K), without background.
      masks: [..., N, H, W // 8] uint8: visible masks on the padded canvas, eight columns a byte,
        the leftmost column in the highest bit (`np.packbits` along the width).
      valid: [..., N] bool.
    """

    boxes: jax.Array
    labels: jax.Array
    masks: jax.Array
    valid: jax.Array


@flax.struct.dataclass
class FramePairs:
    """A training batch: query frames, each with one reference frame of the same video.

    Attributes:
      query: [B, H, W, 3] uint8 RGB; zero right of and below the resized frame.
      reference: [B, H, W, 3] uint8, as `query`.
      image_size: [B, 2] int32, (height, width) of both resized frames without padding.
      instances: Instances of the query frame, [B, N, ...].
      reference_boxes: [B, N, 4] float32, boxes of the reference frame.
      reference_valid: [B, N] bool, for `reference_boxes`.
      reference_match: [B, N] int32: for each query instance 1 + the slot of the same identity in
        `reference_boxes`, or 0 where the identity is not in the reference frame.
      sample: [B] int32, the query frame's number in the frame index; names it in errors.
    """

    query: jax.Array
    reference: jax.Array
    image_size: jax.Array
    instances: Instances
    reference_boxes: jax.Array
    reference_valid: jax.Array
    reference_match: jax.Array
    sample: jax.Array


@flax.struct.dataclass
class Proposals:
    """Class-agnostic candidate boxes, in pixels of the resized frame.

    Attributes:
      boxes: [..., P, 4] float32.
      scores: [..., P] float32, objectness in [0, 1], descending over valid slots.
      valid: [..., P] bool; valid slots come first.
    """

    boxes: jax.Array
    scores: jax.Array
    valid: jax.Array


@flax.struct.dataclass
class Window:
    """Encoded frames t-before ... t+after around query frame t of one video.

    Attributes:
      features: what the system's `encode` gives, each array [before + 1 + after, ...].
      valid: [before + 1 + after] bool: the frame exists.
      image_size: [2] float32, (height, width) of the resized frame without padding.
      scale: [] float32, resized pixels per original pixel.
    """

    features: Features
    valid: jax.Array
    image_size: jax.Array
    scale: jax.Array


@flax.struct.dataclass
class Detections:
    """Scored objects of one frame, before they have identities.

    Attributes:
      boxes: [..., D, 4] float32, pixels of the original frame.
      scores: [..., D] float32 in [0, 1].
      labels: [..., D] int32 in [0, K).
      embeddings: [..., D, E] float32, appearance for tracking.
      mask_logits: [..., D, h, w] float32, on a grid over the mask box.
      mask_boxes: [..., D, 4] float32, pixels of the original frame, which the grid covers: from the
        pixel that holds the first corner to the one that holds the second, both included. The
        detection's own box or, where masks are drawn on the whole frame, a common one.
      valid: [..., D] bool; valid slots come first.
      overflow: [...] int32, candidates that were lost because a capacity was too small.
      class_scores: [..., D, K] float32, as in `FrameOutput`.
    """

    boxes: jax.Array
    scores: jax.Array
    labels: jax.Array
    embeddings: jax.Array
    mask_logits: jax.Array
    mask_boxes: jax.Array
    valid: jax.Array
    overflow: jax.Array
    class_scores: jax.Array | None = None


@flax.struct.dataclass
class FrameOutput:
    """Objects of one frame with identities: what every system hands to the common output code.

    Attributes:
      ids: [..., D] int32, identity within the video; unique among the valid slots of a frame.
      scores: [..., D] float32; what they mean is between a system and its track rule.
      labels: [..., D] int32 in [0, K).
      boxes: [..., D, 4] float32, pixels of the original frame.
      mask_logits: [..., D, h, w] float32, on a grid over the mask box.
      mask_boxes: [..., D, 4] float32, as in `Detections`.
      valid: [..., D] bool.
      overflow: [...] int32, objects lost to a capacity in this frame.
      class_scores: [..., D, K] float32 for a track rule that reads them; None, which costs nothing,
        for all others.
    """

    ids: jax.Array
    scores: jax.Array
    labels: jax.Array
    boxes: jax.Array
    mask_logits: jax.Array
    mask_boxes: jax.Array
    valid: jax.Array
    overflow: jax.Array
    class_scores: jax.Array | None = None
