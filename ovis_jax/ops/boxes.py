"""Boxes `(x1, y1, x2, y2)`: sizes, overlaps, and their encoding relative to anchors."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

MAX_LOG_RATIO = abs(float(np.log(16 / 1000)))
_UNIT = (1.0, 1.0, 1.0, 1.0)


@dataclasses.dataclass(frozen=True)
class BoxConvention:
    """What the corners of boxes mean; everything that depends on it is a method.

    `INCLUSIVE` takes corners as the first and last pixel, so that the width is x2 - x1 + 1
    (mmdetection 0.x, the published checkpoints); `EXCLUSIVE` takes them as edges, and the width is
    x2 - x1.

    Attributes:
      inclusive: the last pixel belongs to the box.
    """

    inclusive: bool

    def areas(self, boxes: jax.Array) -> jax.Array:
        """Areas [...] in square pixels of boxes [..., 4]; swapped corners make none."""
        return _product(boxes[..., 2:] - boxes[..., :2] + self.inclusive)

    def iou(self, a: jax.Array, b: jax.Array, *, added_to_union: float = 0.0) -> jax.Array:
        """Intersection over union of every pair of boxes.

        Args:
          a: [N, 4].
          b: [M, 4], in the same frame.
          added_to_union: square pixels, of code that keeps its divisor from 0 in this way.

        Returns:
          [N, M] in [0, 1]; 0 where both boxes are empty. A NaN box spoils only its row or column.
        """
        low = jnp.maximum(a[:, None, :2], b[None, :, :2])
        high = jnp.minimum(a[:, None, 2:], b[None, :, 2:])
        overlap = _product(high - low + self.inclusive)
        union = self.areas(a)[:, None] + self.areas(b) - overlap
        union = union + added_to_union if added_to_union else union
        return overlap / jnp.where(union == 0, 1, union)

    def paired_overlap(self, a: jax.Array, b: jax.Array) -> jax.Array:
        """Square pixels [...] that boxes [..., 4] share with their partners [..., 4]."""
        low, high = jnp.maximum(a[..., :2], b[..., :2]), jnp.minimum(a[..., 2:], b[..., 2:])
        return _product(high - low + self.inclusive)

    def paired_iou(self, a: jax.Array, b: jax.Array) -> jax.Array:
        """Intersection over union [...] of boxes [..., 4] with their partners [..., 4]."""
        overlap = self.paired_overlap(a, b)
        union = self.areas(a) + self.areas(b) - overlap
        return overlap / jnp.where(union == 0, 1, union)

    def paired_giou(
        self,
        a: jax.Array,
        b: jax.Array,
        *,
        smoothing: float = 0.0,
        added_to_enclosing: float = 0.0,
    ) -> jax.Array:
        """Generalised IoU [...] in [-1, 1] of boxes [..., 4] with their partners [..., 4].

        IoU minus the share of the enclosing box that neither fills. Of two empty boxes at one place
        nothing is enclosed, and that share is 0. Source: Rezatofighi et al. 2019.

        Args:
          a: boxes.
          b: boxes.
          smoothing: added to intersection and union before they are divided, as AdelaiDet does.
          added_to_enclosing: to the enclosing area that is divided by, as IDOL does.
        """
        overlap = self.paired_overlap(a, b)
        union = self.areas(a) + self.areas(b) - overlap
        low, high = jnp.minimum(a[..., :2], b[..., :2]), jnp.maximum(a[..., 2:], b[..., 2:])
        enclosing = _product(high - low + self.inclusive)
        iou = (overlap + smoothing) / jnp.where(union + smoothing == 0, 1, union + smoothing)
        divisor = enclosing + added_to_enclosing
        return iou - (enclosing - union) / jnp.where(divisor == 0, 1, divisor)

    def paired_diou(self, a: jax.Array, b: jax.Array) -> jax.Array:
        """Distance IoU [...] in [-1, 1] of boxes [..., 4] with their partners [..., 4].

        IoU minus the squared distance of the centres in squared diagonals of the enclosing box.
        Source: Zheng et al. 2020, equation 7.
        """
        low, high = jnp.minimum(a[..., :2], b[..., :2]), jnp.maximum(a[..., 2:], b[..., 2:])
        diagonal = jnp.sum((high - low + self.inclusive) ** 2, axis=-1)
        apart = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
        distance = jnp.sum(apart**2, axis=-1)
        return self.paired_iou(a, b) - distance / jnp.where(diagonal == 0, 1, diagonal)

    def encode(
        self, anchors: jax.Array, targets: jax.Array, *, stds: Sequence[float] = _UNIT
    ) -> jax.Array:
        """Deltas that lead from anchors to targets. Source: R-CNN, appendix C.

        Args:
          anchors: [..., 4], of positive width and height.
          targets: [..., 4], likewise.
          stds: divide the deltas.

        Returns:
          [..., 4]: shift of the centre (x, y) in anchor sizes, log ratio of the sizes (width,
          height).
        """
        anchor_centers, anchor_sizes = self._centers_sizes(anchors)
        target_centers, target_sizes = self._centers_sizes(targets)
        shifts = (target_centers - anchor_centers) / anchor_sizes
        deltas = jnp.concatenate([shifts, jnp.log(target_sizes / anchor_sizes)], axis=-1)
        return deltas / jnp.asarray(stds, deltas.dtype)

    def decode(
        self, anchors: jax.Array, deltas: jax.Array, *, stds: Sequence[float] = _UNIT
    ) -> jax.Array:
        """Boxes [..., 4] that deltas [..., 4] reach from anchors [..., 4]: inverse of `encode`.

        Sizes change at most by the factor 1000 / 16, so that no delta overflows.
        """
        centers, sizes = self._centers_sizes(anchors)
        deltas = deltas * jnp.asarray(stds, deltas.dtype)
        centers = centers + deltas[..., :2] * sizes
        sizes = sizes * jnp.exp(jnp.clip(deltas[..., 2:], -MAX_LOG_RATIO, MAX_LOG_RATIO))
        half = (sizes - self.inclusive) / 2
        return jnp.concatenate([centers - half, centers + half], axis=-1)

    def clip(self, boxes: jax.Array, image_size: jax.Array) -> jax.Array:
        """Moves corners that lie outside an image onto its border.

        Args:
          boxes: [..., 4].
          image_size: [2], (height, width); x ends at width - 1 if inclusive, else at width.
        """
        height, width = image_size
        limits = jnp.stack([width, height, width, height]).astype(boxes.dtype) - self.inclusive
        return jnp.clip(boxes, 0, limits)

    def _centers_sizes(self, boxes: jax.Array) -> tuple[jax.Array, jax.Array]:
        low, high = boxes[..., :2], boxes[..., 2:]
        return (low + high) / 2, high - low + self.inclusive


def corner_factors(scale: jax.Array) -> jax.Array:
    """Factors [4] of (x1, y1, x2, y2) from those of (x, y), [2], or from one of both, []."""
    return jnp.tile(jnp.broadcast_to(jnp.asarray(scale, jnp.float32), (2,)), 2)


def _product(sizes: jax.Array) -> jax.Array:
    """Areas [...] of sizes [..., 2], none of a negative size."""
    sizes = jnp.maximum(sizes, 0)
    return sizes[..., 0] * sizes[..., 1]


INCLUSIVE = BoxConvention(inclusive=True)
EXCLUSIVE = BoxConvention(inclusive=False)
