"""FCOS head: pyramid to a class and a box for every point. Source: Tian et al. 2019."""

from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from ovis_jax.models.layers import Tower
from ovis_jax.ops.assign import assign_points
from ovis_jax.ops.boxes import EXCLUSIVE, INCLUSIVE, BoxConvention
from ovis_jax.ops.losses import sigmoid_focal
from ovis_jax.ops.means import Mean
from ovis_jax.ops.points import boxes_from_distances, distances_to_sides, grid_points
from ovis_jax.structures import Instances

STRIDES = (8, 16, 32, 64, 128)
REGRESS_RANGES = ((-1, 64), (64, 128), (128, 256), (256, 512), (512, 1e8))
MIN_IOU = 1e-6
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
    """Two towers shared by all levels, for classes and for boxes.

    Attributes:
      num_classes: without background, which has no channel.
      align: (class features [B, h, w, C], predicted distances [B, h, w, 4] in cells) to the
        features that classes are read from, or None: they are read from the tower.
      channels: of the towers.
      class_convs: length of the tower of the classes, before the alignment.
      box_convs: length of the tower of boxes and centerness.
      tower_bias: convolutions of the towers have a bias.
      positive_distances: predicted distances pass through ReLU.
      radius: of the centre of a box where its points lie, in strides.
      regress_ranges: smallest and largest permitted distance to the farthest side of the box, in
        pixels, of the positive points of each level.
      focal_alpha: of the focal loss of the classes; see `sigmoid_focal`.
      focal_gamma: likewise.
      score_threshold: a detection scores above it.
      nms_iou: of two boxes of one class with a greater IoU, the better one suppresses the other.
      dtype: of the computation; the last layers are float32.
    """

    num_classes: int
    align: nn.Module | None = None
    channels: int = 256
    class_convs: int = 2
    box_convs: int = 3
    tower_bias: bool = False
    positive_distances: bool = False
    radius: float = 1.5
    regress_ranges: Sequence[tuple[float, float]] = REGRESS_RANGES
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0
    score_threshold: float = 0.03
    nms_iou: float = 0.5
    dtype: str = "float32"

    def setup(self):
        """Makes towers and predictors."""
        if np.shape(self.regress_ranges) != (len(STRIDES), 2):
            raise ValueError(
                f"regress_ranges is {self.regress_ranges!r}; expected {len(STRIDES)} pairs"
            )
        settings = (self.channels, self.dtype, self.tower_bias)
        self.class_tower = Tower(self.class_convs, *settings)
        self.box_tower = Tower(self.box_convs, *settings)
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
        distances = nn.relu(distances) if self.positive_distances else distances
        if self.align is not None:
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


def fcos_targets(
    points: Sequence[jax.Array],
    instances: Instances,
    *,
    radius: float,
    regress_ranges: Sequence[tuple[float, float]],
    centers: jax.Array | None = None,
    convention: BoxConvention = INCLUSIVE,
) -> FCOSTargets:
    """Assigns the points of every level to the instances of one image.

    Args:
      points: each level's, [A_l, 2].
      instances: [N, ...].
      radius: as in `FCOSHead`.
      regress_ranges: likewise.
      centers: [N, 2], around which the points lie; None: the centres of the boxes.
      convention: of boxes, for their sizes.
    """
    counts = [len(x) for x in points]
    points = jnp.concatenate([jnp.asarray(x) for x in points])
    assignment = assign_points(
        points,
        np.repeat(radius * np.float32(STRIDES), counts),
        np.repeat(np.float32(regress_ranges), counts, axis=0),
        instances.boxes,
        instances.valid,
        centers=centers,
        convention=convention,
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


def fcos_class_loss(
    logits: jax.Array,
    targets: FCOSTargets,
    *,
    alpha: float,
    gamma: float,
    images_count: bool = True,
) -> Mean:
    """Focal loss of all points, over the number of positive points and of images together.

    Args:
      logits: [B, A, K].
      targets: batched, [B, A, ...].
      alpha: see `sigmoid_focal`.
      gamma: likewise.
      images_count: False: over the number of positive points alone.
    """
    positive = targets.positive
    ones = (targets.labels[..., None] == jnp.arange(logits.shape[-1])) & positive[..., None]
    focal = sigmoid_focal(logits, ones, alpha, gamma)
    return Mean(focal.sum(), positive.sum() + len(positive) * images_count)


def fcos_box_loss(distances: jax.Array, points: jax.Array, targets: FCOSTargets) -> Mean:
    """-ln IoU (inclusive sizes) of the positive points, averaged with their centerness as weight.

    Args:
      distances: [B, A, 4].
      points: [A, 2].
      targets: batched, [B, A, ...].
    """
    positive = targets.positive
    weight = jnp.where(positive, targets.centerness, 0)
    predicted = boxes_from_distances(points, jnp.where(positive[..., None], distances, 1))
    iou = INCLUSIVE.paired_iou(predicted, boxes_from_distances(points, targets.distances))
    box = -jnp.log(jnp.maximum(iou, MIN_IOU)) * weight
    return Mean(box.sum(), weight.sum())


def fcos_giou_loss(distances: jax.Array, strides: jax.Array, targets: FCOSTargets) -> Mean:
    """1 - GIoU of the positive points, averaged with their centerness as weight.

    Boxes are measured in strides, and the IoU in it is (I + 1) / (U + 1). Source: AdelaiDet.

    Args:
      distances: [B, A, 4], pixels.
      strides: [A], of the points' levels.
      targets: batched, [B, A, ...].
    """
    positive = targets.positive
    weight = jnp.where(positive, targets.centerness, 0)
    distances = jnp.where(positive[..., None], distances, 1)
    predicted, wanted = (
        boxes_from_distances(jnp.zeros(2), x / strides[:, None])
        for x in (distances, targets.distances)
    )
    giou = EXCLUSIVE.paired_giou(predicted, wanted, smoothing=1.0)
    return Mean(jnp.sum((1 - giou) * weight), weight.sum())


def fcos_centerness_loss(logits: jax.Array, targets: FCOSTargets) -> Mean:
    """Cross-entropy of the centerness of the positive points; logits and targets are [B, A]."""
    positive = targets.positive
    logits = jnp.where(positive, logits, 0)
    entropy = optax.sigmoid_binary_cross_entropy(logits, targets.centerness)
    return Mean(jnp.sum(entropy, where=positive), positive.sum())


def _join(levels: Sequence[jax.Array]) -> jax.Array:
    """Levels [B, h, w, C] one after the other: [B, A, C]."""
    return jnp.concatenate([x.reshape(len(x), -1, x.shape[-1]) for x in levels], axis=1)
