"""FCOS head: pyramid to a class and a box for every point. Source: Tian et al. 2019."""

from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from ovis_jax.models.feature_align import FeatureAlignment
from ovis_jax.models.layers import Tower
from ovis_jax.ops.assign import assign_points
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.losses import sigmoid_focal
from ovis_jax.ops.means import Mean
from ovis_jax.ops.nms import fast_nms
from ovis_jax.ops.points import boxes_from_distances, distances_to_sides, grid_points
from ovis_jax.structures import Instances

STRIDES = (8, 16, 32, 64, 128)
RANGES = ((-1, 64), (64, 128), (128, 256), (256, 512), (512, 1e8))  # largest distance, pixels
RADIUS = 1.5  # of the centre, in strides
FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 2.0
MIN_IOU = 1e-6
NMS_IOU = 0.5
PRIOR = 0.01  # probability of a class at the start


@flax.struct.dataclass
class FCOSMaps:
    """What the head says of every point, and the features behind it.

    Points of all levels stand one after the other, A together, each level row by row.

    Attributes:
      logits: [B, A, K] float32.
      distances: [B, A, 4] float32, pixels to left, top, right and bottom; may be negative.
      centerness: [B, A] float32, logits.
      class_features: levels [B, h, w, C] that the classes were read from.
      box_features: levels [B, h, w, C] that boxes and centerness were read from.
    """

    logits: jax.Array
    distances: jax.Array
    centerness: jax.Array
    class_features: tuple[jax.Array, ...]
    box_features: tuple[jax.Array, ...]


class FCOSHead(nn.Module):
    """Two towers shared by all levels; class features are aligned with the predicted boxes.

    Attributes:
      num_classes: without background, which has no channel.
      channels: of the towers.
      class_convs: length of the tower of the classes, before the alignment.
      box_convs: length of the tower of boxes and centerness.
      align_groups: sets of offsets of the alignment.
      score_threshold: a detection scores above it.
      dtype: of the computation; the last layers are float32.
    """

    num_classes: int
    channels: int = 256
    class_convs: int = 2
    box_convs: int = 3
    align_groups: int = 4
    score_threshold: float = 0.03
    dtype: str = "float32"

    def setup(self):
        """Makes towers, alignment and predictors."""
        self.class_tower = Tower(self.class_convs, self.channels, self.dtype)
        self.box_tower = Tower(self.box_convs, self.channels, self.dtype)
        self.align = FeatureAlignment(self.align_groups, self.dtype)
        prior = nn.initializers.constant(-np.log((1 - PRIOR) / PRIOR))
        self.class_logits = self._predictor(self.num_classes, prior)
        self.distances = self._predictor(4)
        self.centerness = self._predictor(1)
        self.scales = [
            self.param(f"scale{i}", nn.initializers.ones, ()) for i in range(len(STRIDES))
        ]

    def __call__(self, pyramid: Sequence[jax.Array]) -> FCOSMaps:
        """Maps the levels P3...P7, each [B, h, w, C], to what stands in `FCOSMaps`."""
        logits, distances, centerness, class_features, box_features = zip(
            *(self.level(x, i) for i, x in enumerate(pyramid)), strict=True
        )
        return FCOSMaps(
            logits=_join(logits),
            distances=_join([x * s for x, s in zip(distances, STRIDES, strict=True)]),
            centerness=_join(centerness)[..., 0],
            class_features=class_features,
            box_features=box_features,
        )

    def level(self, x: jax.Array, number: int) -> tuple[jax.Array, ...]:
        """Class logits, distances in cells, centerness, class and box features of one level."""
        class_features, box_features = self.class_tower(x), self.box_tower(x)
        distances = self.distances(box_features) * self.scales[number]
        class_features = self.align(class_features, distances)
        logits = self.class_logits(class_features)
        centerness = self.centerness(box_features)
        return logits, distances, centerness, class_features, box_features

    def points(self, pyramid: Sequence[jax.Array]) -> list[np.ndarray]:
        """Points of each level, [h * w, 2], in pixels of the padded frame."""
        return [
            grid_points(x.shape[-3], x.shape[-2], stride)
            for x, stride in zip(pyramid, STRIDES, strict=True)
        ]

    def _predictor(
        self, channels: int, bias: nn.initializers.Initializer = nn.initializers.zeros
    ) -> nn.Conv:
        normal = nn.initializers.normal(0.01)
        return nn.Conv(channels, (3, 3), kernel_init=normal, bias_init=bias, dtype="float32")


@flax.struct.dataclass
class FCOSTargets:
    """What the points of one image should say.

    Attributes:
      positive: [A] bool, points of an object; all others are background.
      labels: [A] int32 in [0, K) where positive, anything elsewhere.
      index: [A] int32, the instance of a positive point.
      distances: [A, 4] float32, pixels to the sides of its box; 1 where not positive.
      centerness: [A] float32 in [0, 1]; 1 where not positive.
    """

    positive: jax.Array
    labels: jax.Array
    index: jax.Array
    distances: jax.Array
    centerness: jax.Array


def fcos_targets(points: Sequence[jax.Array], instances: Instances) -> FCOSTargets:
    """Assigns the points [A_l, 2] of every level to the instances [N, ...] of one image."""
    counts = [len(x) for x in points]
    points = jnp.concatenate([jnp.asarray(x) for x in points])
    assignment = assign_points(
        points,
        np.repeat(RADIUS * np.float32(STRIDES), counts),
        np.repeat(np.float32(RANGES), counts, axis=0),
        instances.boxes,
        instances.valid,
    )
    positive = assignment.positive
    distances = distances_to_sides(points, instances.boxes[assignment.index])
    distances = jnp.where(positive[:, None], distances, 1)
    return FCOSTargets(
        positive=positive,
        labels=instances.labels[assignment.index],
        index=assignment.index,
        distances=distances,
        centerness=_centerness(distances),
    )


def _centerness(distances: jax.Array) -> jax.Array:
    """1 at the centre of a box, 0 at its sides. Source: FCOS, equation 3."""
    near = jnp.minimum(distances[..., :2], distances[..., 2:])
    far = jnp.maximum(distances[..., :2], distances[..., 2:])
    return jnp.sqrt(jnp.prod(near / far, axis=-1))


def fcos_loss(maps: FCOSMaps, points: jax.Array, targets: FCOSTargets) -> tuple[Mean, Mean, Mean]:
    """Losses of classes, boxes and centerness.

    Args:
      maps: [B, A, ...].
      points: [A, 2].
      targets: batched, [B, A, ...].

    Returns:
      Focal loss over the number of positive points and of images together; -ln IoU (inclusive
      sizes) of the positive points, averaged with their centerness as weight; cross-entropy of
      their centerness.
    """
    positive = targets.positive
    num_classes = maps.logits.shape[-1]
    ones = (targets.labels[..., None] == jnp.arange(num_classes)) & positive[..., None]
    focal = sigmoid_focal(maps.logits, ones, FOCAL_ALPHA, FOCAL_GAMMA)
    weight = jnp.where(positive, targets.centerness, 0)
    predicted = boxes_from_distances(points, jnp.where(positive[..., None], maps.distances, 1))
    iou = INCLUSIVE.paired_iou(predicted, boxes_from_distances(points, targets.distances))
    box = -jnp.log(jnp.maximum(iou, MIN_IOU)) * weight
    logits = jnp.where(positive, maps.centerness, 0)
    centerness = optax.sigmoid_binary_cross_entropy(logits, targets.centerness)
    count = positive.sum()
    return (
        Mean(focal.sum(), count + len(positive)),
        Mean(box.sum(), weight.sum()),
        Mean(jnp.sum(centerness, where=positive), count),
    )


@flax.struct.dataclass
class PointDetections:
    """Detections of one image, in order of score.

    Attributes:
      boxes: [D, 4], pixels of the original frame.
      scores: [D].
      labels: [D] int32.
      point: [D] int32, where each comes from.
      valid: [D] bool.
      overflow: [] int32, detections for which there was no slot.
    """

    boxes: jax.Array
    scores: jax.Array
    labels: jax.Array
    point: jax.Array
    valid: jax.Array
    overflow: jax.Array


def decode_detections(
    probs: jax.Array,
    centerness: jax.Array,
    distances: jax.Array,
    points: Sequence[np.ndarray],
    image_size: jax.Array,
    scale: jax.Array,
    *,
    score_threshold: float,
    level_candidates: int,
    class_candidates: int,
    capacity: int,
) -> PointDetections:
    """Scores, decodes and suppresses the boxes of one image; NMS runs per class in original pixels.

    A score is the product of class probability and centerness.

    Args:
      probs: [A, K].
      centerness: [A] in [0, 1].
      distances: [A, 4], pixels.
      points: each level's points, [A_l, 2], together A.
      image_size: [2], (height, width) of the resized frame; boxes are clipped to it.
      scale: [], resized pixels per original pixel.
      score_threshold: a detection scores above it.
      level_candidates: points of each level that are decoded, those of the best scores.
      class_candidates: boxes of each class that enter NMS, the best ones.
      capacity: D.
    """
    boxes, scores, index = best_points(
        probs, centerness, distances, points, image_size, scale, level_candidates
    )
    found = fast_nms(
        boxes,
        scores,
        NMS_IOU,
        score_threshold,
        candidates=class_candidates,
        capacity=capacity,
    )
    return PointDetections(
        boxes=boxes[found.index],
        scores=found.scores,
        labels=found.labels,
        point=index[found.index],
        valid=found.valid,
        overflow=found.overflow,
    )


def best_points(
    probs: jax.Array,
    centerness: jax.Array,
    distances: jax.Array,
    points: Sequence[np.ndarray],
    image_size: jax.Array,
    scale: jax.Array,
    level_candidates: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The best points of each level as boxes; arguments are those of `decode_detections`.

    Returns:
      boxes [C, 4] in pixels of the original frame, scores [C, K], and the points [C] int32 they
      come from. Level after level, by their best class; a level with few points keeps its order.
    """
    scores = probs * centerness[:, None]
    index, start = [], 0
    for level in points:
        best = scores[start : start + len(level)].max(axis=-1)
        if len(level) > level_candidates:
            index.append(start + jax.lax.top_k(best, level_candidates)[1])
        else:
            index.append(start + jnp.arange(len(level)))
        start += len(level)
    index = jnp.concatenate(index)
    places = jnp.concatenate([jnp.asarray(level) for level in points])[index]
    boxes = boxes_from_distances(places, distances[index])
    boxes = INCLUSIVE.clip(boxes, image_size) / scale
    return boxes, scores[index], index.astype(jnp.int32)


def _join(levels: Sequence[jax.Array]) -> jax.Array:
    """Levels [B, h, w, C] one after the other: [B, A, C]."""
    return jnp.concatenate([x.reshape(len(x), -1, x.shape[-1]) for x in levels], axis=1)
