"""Padded records that travel between the stages; each is documented here, once.

Every per-item field has a fixed capacity and comes with `valid`. What stands in an invalid slot is
unspecified (it may be NaN) and reaches no result and no gradient.

Boxes are `(x1, y1, x2, y2)`. Leading batch axes are allowed everywhere and written `...`.
Axis letters: B batch, T frames, Q frames with masks, N instances, P proposals, D detections,
K classes, E embedding.
"""

from __future__ import annotations

from typing import Any

import flax
import jax

UNKNOWN_OCCLUSION = -1  # the number of the level of an object without a label
Features = Any  # a pytree of arrays that share their leading axes, such as the levels of a pyramid


@flax.struct.dataclass
class Instances:
    """Annotated objects of one frame, in pixels of the resized, unpadded frame.

    Attributes:
      boxes: [..., N, 4] float32; whether the second corner belongs to a box says
        `config.data.inclusive_boxes`.
      labels: [..., N] int32 in [0, K), without background.
      identities: [..., N] int32, the same for an object in all frames of a clip; unique among the
        valid slots of a frame. Numbers of the whole data set; see `Samples.num_identities`.
      masks: [..., N, H, W // 8] uint8: visible masks on the padded canvas, eight columns a byte,
        the leftmost column in the highest bit (`np.packbits` along the width). None where they are
        not known.
      valid: [..., N] bool.
      occlusion: [..., N] int32, index into `OCCLUSION_LEVELS`, or UNKNOWN_OCCLUSION. None where
        nobody asks.
    """

    boxes: jax.Array
    labels: jax.Array
    identities: jax.Array
    masks: jax.Array | None
    valid: jax.Array
    occlusion: jax.Array | None = None


@flax.struct.dataclass
class Clips:
    """A training batch: clips of T frames of one video each, the query frame first or all in order.

    Every frame has its own slots: an object stands in any slot of a frame, or in none where it is
    not visible or the capacity was too small. Whether two are the same tell the identities.

    Attributes:
      frames: [B, T, H, W, 3] uint8 RGB; zero right of and below the resized frame.
      image_size: [B, 2] int32, (height, width) of all resized frames of a clip without padding.
      instances: Instances of the frames, [B, T, N, ...]; masks those of the first Q frames,
        [B, Q, N, H, W // 8].
      sample: [B] int32, the query frame's number in the frame index; names it in errors.
    """

    frames: jax.Array
    image_size: jax.Array
    instances: Instances
    sample: jax.Array

    def instances_of(self, frame: int) -> Instances:
        """Instances [B, N, ...] of one of the T frames, with masks if it is one of the first Q."""
        has_masks = frame < self.instances.masks.shape[1]
        masks = self.instances.masks[:, frame] if has_masks else None
        own = jax.tree.map(lambda x: x[:, frame], self.instances.replace(masks=None))
        return own.replace(masks=masks)


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
      image_size: [2] float32, (height, width) of the resized frame without padding. Of a frame
        that is centred on its canvas: of all of it, not rounded, with what the canvas cuts off.
      scale: [2] float32, resized pixels per original pixel in x and in y.
      truth: Instances [N, ...] of the query frame without masks, for an oracle; None, which costs
        nothing, for all others.
    """

    features: Features
    valid: jax.Array
    image_size: jax.Array
    scale: jax.Array
    truth: Instances | None = None


@flax.struct.dataclass
class BoxDetections:
    """Scored boxes of one frame, before they have masks and embeddings.

    Attributes:
      boxes: [..., D, 4] float32, pixels of the original frame.
      scores: [..., D] float32 in [0, 1].
      labels: [..., D] int32 in [0, K).
      source: [..., D] int32, the candidate (proposal, point) that each was decoded from.
      valid: [..., D] bool; valid slots come first.
      overflow: [...] int32, objects that were lost because a capacity was too small.
    """

    boxes: jax.Array
    scores: jax.Array
    labels: jax.Array
    source: jax.Array
    valid: jax.Array
    overflow: jax.Array


@flax.struct.dataclass
class Detections:
    """Scored objects of one frame, before they have identities.

    Attributes:
      boxes: [..., D, 4] float32, pixels of the original frame.
      scores: [..., D] float32 in [0, 1].
      labels: [..., D] int32 in [0, K).
      embeddings: [..., D, E] float32, appearance for tracking.
      mask_logits: [..., D, h, w] float32, on a grid over the mask box.
      mask_boxes: [..., D, 4] float32, pixels of the original frame, which the grid covers. The
        detection's own box or, where masks are drawn on the whole frame, a common one. The mask
        rule says whether corners are edges (`tracking/box_grid_masks.py`) or truncated to the first
        and the last pixel (`tracking/paste.py`).
      valid: [..., D] bool; valid slots come first.
      overflow: [...] int32, candidates that were lost because a capacity was too small.
      class_scores: [..., D, K] float32, as in `FrameOutput`.
      source: [..., D] int32, as in `FrameOutput`.
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
    source: jax.Array | None = None


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
      source: [..., D] int32, the annotated object (its identity) whose mask is to be shown, of the
        image oracle; None for all others.
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
    source: jax.Array | None = None
